import Scenario
import Trace

// What a trace keeps of the inputs of a run.

extension ScenarioDescription {
  init(_ scenario: ServingScenario) {
    self.init(
      name: scenario.name, sourcePath: scenario.path, text: scenario.text,
      modelJSON: scenario.modelText, linkJSON: scenario.setup.linkText,
      classes: scenario.workload.classes.map(ClassDescription.init))
  }
}

extension ProfileDescription {
  init(_ setup: ReplicaSetup) {
    let device = setup.profile.device
    self.init(
      name: setup.profilePath, device: device.name, kernelPath: device.kernelPath,
      provenance: setup.profile.provenance.rawValue, checksum: setup.profileChecksum,
      text: setup.profileText)
  }
}

extension GroupDescription {
  init(_ own: GroupPool, profileID: Int64) {
    self.init(
      name: own.group.name, role: own.group.role.rawValue, profileID: profileID,
      format: own.format.name, firstReplica: Int64(own.firstReplica),
      replicas: Int64(own.group.most), devices: Int64(own.group.setup.parallelism.devices),
      kvBytesPerToken: Int64(own.pool.kvBytesPerToken), poolTokens: Int64(own.pool.tokens),
      poolBlocks: Int64(own.pool.blocks), blockSize: Int64(own.pool.blockSize))
  }
}

import Operators

extension BenchPlan {
  /// What decides which shapes say something about a device.
  public enum DeviceKind: Hashable, Sendable {
    /// A CPU.
    case cpu
    /// A graphics processor.
    case gpu
    /// One made of software, such as llvmpipe.
    case softwareGPU
  }

  /// The plan of `kvsim kernels bench` for a kind of device; one of software has no quicker one.
  public static func standing(for kind: DeviceKind, isQuick: Bool) -> BenchPlan {
    switch kind {
    case .cpu: isQuick ? .quick : .standard
    case .gpu: isQuick ? .gpuQuick : .gpu
    case .softwareGPU: .softwareGPU
    }
  }

  /// What formats cost in time beside one another: decode attention, prefill attention and append,
  /// one shape each that is usual on the device, all formats in turn in every round.
  public static func times(
    of formats: [KVFormat], heads: HeadGeometry, on kind: DeviceKind
  ) -> BenchPlan {
    var plan = standing(for: kind, isQuick: false)
    plan.kinds = [.decode, .prefill, .append]
    plan.heads = heads
    plan.attentionFormats = formats
    plan.movedFormats = formats
    // There are some ten formats instead of three.
    plan.groupSeconds *= 4
    switch kind {
    case .cpu:
      plan.decodes = [Decode(16, 4096)]
      plan.prefills = [Prefill(tokens: 512, prefix: 0)]
      plan.appendedTokens = [2048]
    case .gpu:
      plan.decodes = [Decode(64, 4096)]
      plan.prefills = [Prefill(tokens: 8192, prefix: 0)]
      plan.appendedTokens = [8192]
    case .softwareGPU:
      plan.decodes = [Decode(2, 256)]
      plan.appendedTokens = [64]
    }
    return plan
  }
}

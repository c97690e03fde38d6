import ArgumentParser
import Calibration
import CostModel
import Foundation
import Kernels
import Report
import Scenario

/// `kvsim calibrate`.
struct CalibrateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Measure the bundled kernels on a device and write a profile.",
    discussion: """
      Times every operator over a grid of batches and contexts, keeps a fifth of the points out of \
      the fit, and prints how far the predictions lie from them. KVSIM_CPU_PATH names the kernels \
      (kvsim devices lists them); by default the fastest.
      """)

  @Option(help: "The device to measure: \(DeviceChoice.accepted).")
  var device: DeviceChoice

  @OptionGroup var output: OutputFile

  @Option(
    help: """
      About how long to measure at most; a slow device leaves its largest points out. (default: \
      120, on a GPU 560)
      """)
  var seconds: Double?

  @Option(help: "Threads that the kernels use; by default one for each processor.")
  var threads: Int?

  func validate() throws {
    if let seconds, !(20...3600).contains(seconds) {
      throw ValidationError("--seconds takes a number from 20 to 3600.")
    }
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads takes a whole number from 1 to 1024.")
    }
  }

  func run() throws {
    try output.check()
    let (result, residuals) = try measure()
    try output.write(
      result.profile, residuals: residuals, madeFrom: result.profile.device.name)
    try printResult(
      CalibrationTable(
        result.profile, residuals: residuals, skippedPoints: result.skippedPoints
      ).rendered())
    for finding in result.findings { printError("kvsim: warning: \(finding)") }
    output.announce("profile")
  }

  private func measure() throws -> (Calibrator.Result, [Residuals]) {
    var bar = ProgressBar()
    defer { bar.clear() }
    do throws(DeviceError) {
      let backend = try device.backend(threads: threads)
      let calibrator = Calibrator(
        backend: backend, kind: device.kind, version: "kvsim \(KVSim.version)", blockSize: 16,
        seconds: seconds ?? (backend.facts.isGPU ? 560 : 120))
      let result = try calibrator.run(
        Experiment.groups(
          reach: backend.facts.isGPU
            ? .gpu(multiprocessors: backend.facts.coreCount)
            : .cpu(threads: backend.facts.coreCount)),
        measuredAtUTC: Date.now.formatted(.iso8601)
      ) {
        bar.show($0.share, $0.kind.name)
      }
      return (result, try residuals(result.profile))
    } catch {
      throw failure(error, .runFailed)
    }
  }

  private func residuals(_ profile: Profile) throws(DeviceError) -> [Residuals] {
    do {
      return try profile.residuals()
    } catch {
      preconditionFailure("each group's smallest point makes its fit: \(error)")
    }
  }
}

import Foundation
import Testing

@Suite("Pipelines on the command line")
struct PipelineCommandTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
  }

  /// The shipped pipeline in FP16 with fewer requests, and these sizes in place of four stages.
  private func scenario(_ sizes: String, clients: Int) throws -> String {
    let scenarios = Repository.root.appendingPathComponent("Scenarios").path
    let text = try String(
      contentsOfFile: scenarios + "/pipeline-parallel.yaml", encoding: .utf8
    )
    .replacing("model: models/", with: "model: \(scenarios)/models/")
    .replacing("from: nvidia-h200,", with: "from: \(scenarios)/devices/nvidia-h200.json,")
    .replacing("[fp16, int4]", with: "fp16")
    .replacing(/requests: [0-9]+/, with: "requests: 12")
    .replacing("concurrency: 64", with: "concurrency: \(clients)")
    .replacing("pipeline_parallel_size: 4", with: sizes)
    #expect(text.contains(sizes) && text.contains("requests: 12\n"))
    return try folder.write("staged.yaml", text).path
  }

  private func figures(_ sizes: String, clients: Int, _ more: String...) throws -> [String: Any] {
    let run = try CommandLineRun(
      ["run", scenario(sizes, clients: clients), "--no-trace", "--format", "json"] + more,
      in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
    return try #require((json?["formats"] as? [[String: Any]])?.first)
  }

  private func mean(_ name: String, _ figures: [String: Any]) throws -> Double {
    try #require((figures[name] as? [String: Any])?["mean_ns"] as? Double)
  }

  @Test("Stages give one client its tokens later than devices that share layers, derived or not")
  func stagesAgainstShares() throws {
    let sizes = [
      "pipeline_parallel_size: 4", "pipeline_parallel_size: 2\n  tensor_parallel_size: 2",
      "tensor_parallel_size: 4",
    ]
    let alone = try sizes.map { try mean("tpot", figures($0, clients: 1)) }
    // Each device of four reads a quarter of the weights, all at once or one after the other.
    #expect(alone[0] > 1.8 * alone[1] && alone[1] > 1.6 * alone[2])
    // Twelve at once are three a lane, which have to share no stage's time with those of their own.
    let together = try mean("tpot", figures(sizes[0], clients: 12))
    #expect(together < 1.5 * alone[0])
  }

  @Test("Results tell of stages; walking every step gives the very same")
  func run() throws {
    let sizes = "pipeline_parallel_size: 4"
    let usual = try figures(sizes, clients: 12)
    let exact = try figures(sizes, clients: 12, "--exact-steps")
    #expect(NSDictionary(dictionary: usual) == NSDictionary(dictionary: exact))
    let replicas = try #require(usual["replicas"] as? [[String: Any]])
    let stages = try #require(replicas.first?["stage_busy_ns"] as? [Int])
    #expect(replicas.count == 1 && stages.count == 4)
    // Eighty layers are twenty each; the first has the embedding besides, the last the head.
    #expect(stages[0] > stages[1] && stages[3] == stages.max())
    #expect(abs(stages[1] - stages[2]) < stages[1] / 1_000_000)
    #expect(try #require(usual["lane_tokens"] as? Int) * 4 <= usual["pool_tokens"] as? Int ?? 0)
    let table = try CommandLineRun(
      ["run", scenario(sizes, clients: 12), "--no-trace"], in: folder.url)
    for row in [
      "pipeline of 4 stages, each of 1 device, and as many lanes", "tokens of each of its 4 lanes",
      "time with a step in it: busiest stage", "of a step's time, waiting for a stage",
    ] { #expect(table.output.contains(row), "\(table.output)") }
  }

  @Test("check shows which stage decides, and what a lane has")
  func check() throws {
    let run = try CommandLineRun(
      ["check", scenario("pipeline_parallel_size: 4", clients: 1)], in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    for row in [
      "memory of each of 4 devices", "of the stage that holds the fewest blocks",
      "4 of 4", "blocks of each of 4 lanes", "tokens of each lane",
    ] { #expect(run.output.contains(row), "\(run.output)") }
  }
}

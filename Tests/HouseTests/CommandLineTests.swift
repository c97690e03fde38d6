import Foundation
import Testing

@Suite("The command line")
struct CommandLineTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
  }

  private func kvsim(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(arguments, in: folder.url)
  }

  private var quickstart: String {
    Repository.root.appendingPathComponent("Scenarios/quickstart.yaml").path
  }

  /// The scenario of two cores with some text replaced, its files named by whole paths.
  private func variant(_ replacements: [(String, String)]) throws -> String {
    let scenarios = Repository.root.appendingPathComponent("Scenarios").path
    var text = try String(contentsOfFile: scenarios + "/two-cores.yaml", encoding: .utf8)
      .replacingOccurrences(of: "model: models/", with: "model: \(scenarios)/models/")
      .replacingOccurrences(of: "profile: devices/", with: "profile: \(scenarios)/devices/")
    for (old, new) in replacements {
      #expect(text.contains(old))
      text = text.replacingOccurrences(of: old, with: new)
    }
    return try folder.write("variant.yaml", text).path
  }

  @Test("A run prints the table, writes one trace, and shows no bar where it is piped")
  func run() throws {
    let run = try kvsim("run", quickstart, "--trace", "trace.db")
    #expect(run.status == 0)
    for row in [
      "KV bytes per token", "tokens the pool holds", "most requests held at once",
      "output tokens/s", "TTFT p95", "TTFT p99", "TPOT p50", "end-to-end mean", "preemptions",
      "fp16", "int4",
      "int4-rotated",
    ] {
      #expect(run.output.contains(row), "\(row)")
    }
    #expect(run.errors == "trace: trace.db\n")
    #expect(folder.contents == ["trace.db"])
  }

  @Test("Same seed, scenario and profile: the same JSON to the byte; another seed, another")
  func determinism() throws {
    let first = try kvsim("run", quickstart, "--format", "json", "--trace", "1.db")
    let second = try kvsim("run", quickstart, "--format", "json", "--trace", "2.db")
    let other = try kvsim(
      "run", quickstart, "--format", "json", "--trace", "3.db", "--seed", "2")
    #expect(first.status == 0 && first.output == second.output)
    #expect(first.output.contains("\"row_digest\""))
    #expect(first.output != other.output)
  }

  @Test("Walking every step gives the latencies that jumping gives")
  func exactSteps() throws {
    func latencies(_ run: CommandLineRun) throws -> [NSDictionary] {
      let json = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
      let formats = try #require((json as? [String: Any])?["formats"] as? [[String: Any]])
      return try formats.map { format in
        // The rows of steps differ, and so does their digest.
        var figures = format.filter { $0.key != "row_digest" }
        let result = try #require(format["vllm_bench_serve"] as? [String: Any])
        figures["vllm_bench_serve"] = result.filter { $0.key != "row_digest" }
        return figures as NSDictionary
      }
    }
    let jumped = try kvsim("run", quickstart, "--format", "json", "--trace", "1.db")
    let walked = try kvsim(
      "run", quickstart, "--format", "json", "--trace", "2.db", "--exact-steps")
    #expect(try latencies(jumped) == latencies(walked))
  }

  @Test("Counting anew after every event changes nothing, whether steps are walked or not")
  func checkInvariants() throws {
    let small = try variant([("requests: 400", "requests: 40")])
    let plain = try kvsim("run", small, "--format", "json", "--no-trace")
    #expect(plain.status == 0)
    for option in [[], ["--exact-steps"]] {
      let checked = try CommandLineRun(
        ["run", small, "--format", "json", "--no-trace", "--check-invariants"] + option,
        in: folder.url)
      #expect(checked.status == 0 && checked.output == plain.output)
    }
  }

  @Test("Without a trace the figures are the same, and nothing is written")
  func noTrace() throws {
    func figures(_ run: CommandLineRun) -> [Substring] {
      #expect(run.status == 0, "\(run.errors)")
      return run.output.split(separator: "\n").filter { !$0.contains("row_digest") }
        // The line before the digest, the last of its section, has no comma without it.
        .map { $0.hasSuffix(",") ? $0.dropLast() : $0 }
    }
    let kept = try kvsim("run", quickstart, "--format", "json", "--trace", "1.db")
    let dropped = try kvsim("run", quickstart, "--format", "json", "--no-trace")
    #expect(figures(kept) == figures(dropped))
    #expect(folder.contents == ["1.db"])
    #expect(try kvsim("run", quickstart, "--no-trace", "--force").status == 64)
  }

  @Test("An existing trace is kept unless --force is given")
  func existingTrace() throws {
    try folder.write("trace.db", "mine")
    let refused = try kvsim("run", quickstart, "--trace", "trace.db")
    #expect(refused.status == 1 && refused.errors.contains("--force"))
    #expect(try Repository.text(folder.url.appendingPathComponent("trace.db")) == "mine")
    #expect(folder.contents == ["trace.db"])
    #expect(try kvsim("run", quickstart, "--trace", "trace.db", "--force").status == 0)
  }

  @Test("Without --trace each run gets a file of its own")
  func defaultTrace() throws {
    #expect(try kvsim("run", quickstart).status == 0)
    #expect(try kvsim("run", quickstart).status == 0)
    #expect(folder.contents == ["quickstart-2.db", "quickstart.db"])
  }

  @Test(
    "Bad input is one clear error with its place, exit 65, and no trace",
    arguments: [
      ("max_num_seqs:", "max_num_seq:", "max_num_seqs"),
      ("concurrency: 32", "concurrency: -1", "concurrency"),
      ("2 GiB", "2 GB/s", "GiB"),
      ("process: closed-loop", "process: poison", "poisson"),
      ("concurrency: 32", "rate: 5", "rate"),
      ("requests: 400", "requests: many", "requests"),
      ("kvsim: 1", "kvsim: 2", "kvsim"),
      ("fp16, int4,", "fp8, int4,", "fp16"),
      ("2 GiB", "2 TiB", "does not fit"),
      ("2 GiB", "1 MiB", "and the shortest request needs"),
    ])
  func badInput(old: String, new: String, mention: String) throws {
    let scenario = try variant([(old, new)])
    let run = try kvsim("run", scenario, "--trace", "trace.db")
    #expect(run.status == 65)
    #expect(run.errors.contains(mention), "\(run.errors)")
    #expect(run.errors.contains("variant.yaml"))
    #expect(run.output.isEmpty)
    #expect(folder.contents == ["variant.yaml"])
  }

  @Test("check names every error at once, as file:line:column")
  func check() throws {
    let scenario = try variant([
      ("max_num_seqs:", "max_num_seq:"), ("2 GiB", "2"), ("concurrency: 32", "concurrency: -1"),
      ("output_tokens:", "output_token:"), ("seed: 1", "seed: x"),
    ])
    let run = try kvsim("check", scenario)
    #expect(run.status == 65)
    let lines = run.errors.split(separator: "\n").filter { $0.contains(": error: ") }
    #expect(lines.count >= 5)
    for line in lines {
      let place = line.dropFirst(scenario.count).split(separator: ":").prefix(2)
      #expect(line.hasPrefix(scenario) && place.allSatisfy { Int($0) != nil }, "\(line)")
    }
    #expect(run.errors.contains("max_num_seqs"), "a did-you-mean")
    let good = try kvsim("check", quickstart)
    #expect(good.status == 0)
    // An FP16 page of Qwen3-32B: 16 tokens of 8 heads with 2 · 128 elements of 2 bytes.
    #expect(good.output.contains("codes") && good.output.contains("65,536"), "\(good.output)")
  }

  @Test("A wrong command line exits with 64")
  func usage() throws {
    #expect(try kvsim("run").status == 64)
    #expect(try kvsim("run", quickstart, "--format", "xml").status == 64)
    #expect(try kvsim("run", quickstart, "--seed", "-1").status == 64)
    #expect(try kvsim("calibrate", "--device", "tpu", "-o", "x.json").status == 64)
    #expect(folder.contents.isEmpty)
  }

  @Test("A file that is not there is named, with exit 65")
  func missingFiles() throws {
    let scenario = try kvsim("run", "nowhere.yaml")
    #expect(scenario.status == 65 && scenario.errors.contains("nowhere.yaml"))
    let profile = try kvsim("run", quickstart, "--profile", "nowhere.json")
    #expect(profile.status == 65 && profile.errors.contains("kvsim calibrate"))
    #expect(folder.contents.isEmpty)
  }

  @Test("A trace that cannot be written fails the run with exit 1")
  func unwritableTrace() throws {
    let run = try kvsim("run", quickstart, "--trace", "no/such/folder/trace.db")
    #expect(run.status == 1 && run.errors.contains("no/such/folder"))
    #expect(folder.contents.isEmpty)
  }

  @Test("A result that nobody takes fails the run; errors that nobody takes do not crash it")
  func closedOutput() throws {
    let shell = "exec \"$0\" run \"$1\" --trace"
    let full = try CommandLineRun(
      shell: "\(shell) 1.db > /dev/full", scenario: quickstart, in: folder.url)
    #expect(full.status == 1 && full.errors.contains("standard output"))
    let mute = try CommandLineRun(
      shell: "\(shell) 2.db 2> /dev/full", scenario: quickstart, in: folder.url)
    #expect(mute.status == 0)
  }

  @Test("Rates so low and prices so high that a run would never end are refused, not trapped")
  func horizon() throws {
    let rare = try variant([
      ("process: closed-loop", "process: poisson"),
      ("concurrency: 32", "rate: 0.0000011408/h"), ("requests: 400", "requests: 1"),
    ])
    for seed in 0..<40 {
      let run = try kvsim("run", rare, "--trace", "trace.db", "--force", "--seed", "\(seed)")
      #expect([0, 65].contains(run.status), "\(run.errors)")
    }
  }

  @Test("profile show prints a shipped profile's grids and errors, and refuses what is none")
  func profileShow() throws {
    let shipped = Repository.root.appendingPathComponent("Scenarios/devices/nvidia-h200.json").path
    let run = try kvsim("profile", "show", shipped, "--worst", "3")
    #expect(run.status == 0 && run.errors.isEmpty)
    #expect(run.output.contains("NVIDIA H200") && run.output.contains("int4-rotated"))
    #expect(run.output.contains("the 3 of 2,604 held-out points"))
    let all = try kvsim("profile", "show", shipped, "--points")
    #expect(all.output.count > 2 * run.output.count)
    let wrong = try kvsim("profile", "show", quickstart)
    #expect(wrong.status == 65 && wrong.output.isEmpty && wrong.errors.contains("error: "))
    #expect(try kvsim("profile", "show", shipped, "--worst", "-1").status == 64)
  }

  @Test("profile compare finds a profile equal to itself, and refuses what is none")
  func profileCompare() throws {
    let shipped = Repository.root.appendingPathComponent("Scenarios/devices/nvidia-h200.json").path
    let run = try kvsim("profile", "compare", shipped, shipped)
    #expect(run.status == 0 && run.errors.isEmpty)
    let all = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("all ") })
    let cells = all.split(separator: " ").map(String.init)
    #expect(cells == ["all", "12,924", "0", "0", "1.00", "1.00", "1.00", "1.00"])
    let wrong = try kvsim("profile", "compare", shipped, quickstart)
    #expect(wrong.status == 65 && wrong.output.isEmpty && wrong.errors.contains("error: "))
  }

  @Test("profile derive writes what a scenario's `derive` plays, and results say so")
  func profileDerive() throws {
    let devices = Repository.root.appendingPathComponent("Scenarios/devices").path
    let derive = [
      "profile", "derive", devices + "/nvidia-h200.json", "--source", "nvidia-h200-sxm",
      "--device", "nvidia-h100-sxm", "-o", "h100.json",
    ]
    let written = try CommandLineRun(derive, in: folder.url)
    #expect(written.status == 0 && written.errors == "profile: h100.json\n")
    let from = "NVIDIA H200, measured 2026-11-29T10:05:21Z"
    let shown = try kvsim("profile", "show", "h100.json", "--worst", "0")
    #expect(shown.output.contains("derived from \(from)"))
    #expect(shown.output.contains("uncertainty of the derived times"))
    let scenario = try variant([
      (
        "profile: \(devices)/amd-epyc-zen5-2c.json",
        "derive: {from: \(devices)/nvidia-h200.json, device: nvidia-h100-sxm, "
          + "source: nvidia-h200-sxm}"
      )
    ])
    let table = try kvsim("run", scenario, "--trace", "1.db")
    #expect(table.output.contains("on NVIDIA H100 SXM, vulkan kernels, derived from \(from)\n"))
    let own = try kvsim("run", scenario, "--format", "json", "--trace", "2.db")
    #expect(own.status == 0 && own.output.contains("\"derived_from\" : \"\(from)\""))
    let read = try kvsim(
      "run", scenario, "--profile", "h100.json", "--format", "json", "--trace", "3.db")
    #expect(read.output == own.output)

    let again = try CommandLineRun(derive, in: folder.url)
    #expect(again.status == 1 && again.errors.contains("pass --force"))
    let unknown = try CommandLineRun(
      derive.map { $0 == "nvidia-h100-sxm" ? "nvidia-h1000-sxm" : $0 } + ["--force"],
      in: folder.url)
    #expect(unknown.status == 65 && unknown.errors.contains("mean `nvidia-h100-sxm`?"))
  }

  @Test("devices lists the CPU with its kernels, and Vulkan devices or why there are none")
  func devices() throws {
    let run = try kvsim("devices")
    #expect(run.status == 0)
    #expect(run.output.contains("cpu ") && run.output.contains("scalar"))
    #expect(run.output.contains("vulkan"))
  }
}

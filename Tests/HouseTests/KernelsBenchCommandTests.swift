import Testing

@Suite("kvsim kernels bench on the command line")
struct KernelsBenchCommandTests {
  @Test(
    "A bad value is one clear error and exit code 64",
    arguments: [
      ["--batch", "0"], ["--batch", "1,,2"], ["--batch", "x"], ["--batch", ""],
      ["--context", "2000000"], ["--context", "1k"], ["--tokens", "0"], ["--tokens", "70000"],
      ["--heads", "32/7/128"],
      ["--heads", "32/8/120"], ["--heads", "32/8"], ["--block-size", "0"],
      ["--block-size", "2000"], ["--repeats", "2"], ["--format", "yaml"],
      ["--only", "decode,nothing"], ["--threads", "0"], ["--device", "gpu"],
      ["--device", "vulkan:"],
      ["--device", "vulkan", "--threads", "2"], ["--device", "vulkan", "--batch", "0"],
    ])
  func badValues(arguments: [String]) throws {
    let folder = try ScratchFolder()
    let run = try CommandLineRun(["kernels", "bench"] + arguments, in: folder.url)
    #expect(run.status == 64)
    #expect(run.output.isEmpty)
    let errors = run.errors.split(separator: "\n").filter { $0.hasPrefix("Error: ") }
    #expect(errors.count == 1, "\(run.errors)")
  }

  @Test("A device that is not there is one clear error")
  func otherDevice() throws {
    let folder = try ScratchFolder()
    let run = try CommandLineRun(
      ["kernels", "bench", "--device", "vulkan:no such device"], in: folder.url)
    #expect(run.status == 1 && run.output.isEmpty)
    #expect(run.errors.hasPrefix("kvsim: error: --device vulkan:no such device: "))
  }

  @Test("A run that skips every shape fails and says so")
  func nothingMeasured() throws {
    let folder = try ScratchFolder()
    let run = try CommandLineRun(
      [
        "kernels", "bench", "--quick", "--only", "decode", "--batch", "1024", "--context",
        "1048576",
      ], in: folder.url)
    #expect(run.status == 1 && run.output.contains("do not fit in memory"))
    #expect(run.errors == "kvsim: error: no shape was measured: every one was skipped\n")
  }
}

import ArgumentParser
import Scenario

/// `kvsim profile import`.
struct ProfileImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Make a profile of operator times that other software measured.",
    discussion: """
      Reads either a folder of LLMServingSim 2.0, profiled inside vLLM (profile-meta.yaml, \
      cluster.json, dense.csv, per_sequence.csv and attention.csv; skew.csv on request), or one \
      table of operator times, JSON or CSV; docs/cost-model.md describes both. What a result rests \
      on stays visible: the profile says `imported` wherever it shows.
      """)

  /// The forms that can be read.
  enum Form: String, ExpressibleByArgument, CaseIterable {
    case llmservingsim
    case table
  }

  /// What a table does not say of itself.
  struct TableOptions: ParsableArguments {
    @Option(
      help: ArgumentHelp(
        "Of a table: the device's data sheet, for its memory and bandwidth: an id of those in "
          + "data-sheets/ beside the profile, beside the table or in Scenarios/devices, or a path.",
        valueName: "id"))
    var dataSheet: String?

    @Option(help: "Of a table: bandwidth of a plain read, in GB/s; by default the data sheet's.")
    var readBandwidth: Double?

    @Option(help: "Of a table: tokens per page of the kernels; by default 16.")
    var blockSize: Int?

    @Option(
      help: "Of a table: bytes of scale and zero of a vector in four-bit formats; by default 4.")
    var metadataBytesPerVector: Int?

    @Flag(help: "Of a table: the prompts of a step share one launch of attention.")
    var chunksShareLaunch = false

    @Option(help: "Of a table that does not say `device`: the device's name.")
    var deviceName: String?

    @Option(help: "Of a table that does not say `software`: whose kernels were timed.")
    var software: String?

    @Option(help: "Of a table that does not say `measured`: the date, such as 2026-11-23.")
    var measuredAt: String?

    func validate() throws {
      if let readBandwidth, !(0.001...1e9).contains(readBandwidth) {
        throw ValidationError("--read-bandwidth takes GB/s, a number from 0.001 to 1000000000.")
      }
      guard (1...Limits.blockSize).contains(blockSize ?? 16) else {
        throw ValidationError("--block-size takes a whole number from 1 to \(Limits.blockSize).")
      }
      guard (1...Limits.metadataBytes).contains(metadataBytesPerVector ?? 4) else {
        throw ValidationError(
          "--metadata-bytes-per-vector takes a whole number from 1 to \(Limits.metadataBytes).")
      }
    }

    /// The options that are given.
    var given: [String] {
      let options: [(name: String, isGiven: Bool)] = [
        ("--data-sheet", dataSheet != nil), ("--read-bandwidth", readBandwidth != nil),
        ("--block-size", blockSize != nil),
        ("--metadata-bytes-per-vector", metadataBytesPerVector != nil),
        ("--chunks-share-launch", chunksShareLaunch), ("--device-name", deviceName != nil),
        ("--software", software != nil), ("--measured-at", measuredAt != nil),
      ]
      return options.filter(\.isGiven).map(\.name)
    }
  }

  @Argument(help: ArgumentHelp("The folder or file to read.", valueName: "path"))
  var path: String

  @Option(
    help: ArgumentHelp(
      "The form: \(Form.allCases.map(\.rawValue).joined(separator: ", ")); by default the first "
        + "of a folder and the second of a file."))
  var from: Form?

  @Option(help: "The config.json of the model whose layers were timed.")
  var model: String

  @Option(help: "The tensor parallelism whose times to read: of one device's share.")
  var tensorParallelSize = 1

  @Flag(
    help: ArgumentHelp(
      "Of a folder: also read the decode batches of uneven contexts in skew.csv, which are sums "
        + "over measurement_iterations calls."))
  var raggedBatches = false

  @OptionGroup var table: TableOptions
  @OptionGroup var output: OutputFile

  func validate() throws {
    guard (1...Limits.heads).contains(tensorParallelSize) else {
      throw ValidationError("--tensor-parallel-size takes a whole number from 1.")
    }
    if form == .table, table.dataSheet == nil {
      throw ValidationError(
        "A table needs --data-sheet, such as nvidia-h200-sxm, for the device's memory.")
    }
    if form == .table, raggedBatches {
      throw ValidationError("--ragged-batches: of a folder alone; a table has no such rows.")
    }
    if form == .llmservingsim, !table.given.isEmpty {
      throw ValidationError(
        "\(table.given.joined(separator: ", ")): of a table alone; a folder says this itself.")
    }
  }

  private var form: Form {
    from ?? (isFolder(path) ? .llmservingsim : .table)
  }

  func run() throws {
    try output.check()
    let (profile, notes) = try readingInput { () throws(ScenarioError) in
      let model = try ModelFile.read(path: model).architecture
      switch form {
      case .llmservingsim:
        let imported = try LLMServingSimImport(
          folder: path, model: model, degree: tensorParallelSize, readsRagged: raggedBatches)
        return (imported.profile, imported.notes)
      case .table:
        let imported = try OperatorTableImport(
          path: path, model: model, degree: tensorParallelSize, context: try context())
        return (imported.profile, imported.notes)
      }
    }
    try output.write(profile, madeFrom: path)
    for note in notes { printError("kvsim: warning: \(note)") }
    output.announce("profile")
  }

  private func context() throws(ScenarioError) -> OperatorTableImport.Context {
    let shelf = DataSheetShelf(beside: [output.path, path, DataSheetShelf.shipped])
    let sheet = try shelf.read(table.dataSheet ?? "")
    return OperatorTableImport.Context(
      device: table.deviceName, software: table.software, measured: table.measuredAt,
      sheet: sheet, readBytesPerSecond: table.readBandwidth.map { Int(($0 * 1e9).rounded()) },
      blockSize: table.blockSize ?? 16, metadataBytesPerVector: table.metadataBytesPerVector ?? 4,
      chunksShareLaunch: table.chunksShareLaunch)
  }
}

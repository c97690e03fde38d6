import Foundation

/// A headless Chromium that opens pages as readers would, spoken to by the DevTools protocol over
/// its debugging pipe (https://chromedevtools.github.io/devtools-protocol): no port, no driver.
final class Browser {
  /// What went wrong, for people.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Something that the page or the browser reported.
  struct Event {
    let method: String
    let parameters: [String: Any]
  }

  private let folder: ScratchFolder
  private let process = Process()
  private let requests: Int32
  private let answers: Int32
  private var received: [UInt8] = []
  private var calls = 0
  private var session: String?
  /// What was reported since the last page was opened.
  private(set) var events: [Event] = []

  /// How long an answer may take.
  private static let patienceSeconds: Int32 = 180

  /// Starts it.
  /// - Throws: where there is none, with what to do.
  init() throws {
    let folder = try ScratchFolder()
    self.folder = folder
    guard let program = Browser.program else {
      throw Failure(description: "Chromium is missing; `make setup-chromium` installs it")
    }
    let pipes = ["in", "out"].map { folder.url.appendingPathComponent($0).path }
    for pipe in pipes where mkfifo(pipe, 0o600) != 0 {
      throw Failure(description: "\(pipe) could not be made")
    }
    // Open for both directions, so that neither side waits for the other.
    requests = open(pipes[0], O_RDWR | O_CLOEXEC)
    answers = open(pipes[1], O_RDWR | O_CLOEXEC)
    var arguments = [
      "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions",
      "--remote-debugging-pipe", "--hide-scrollbars", "--force-color-profile=srgb",
      "--font-render-hinting=none", "--disable-dev-shm-usage",
      "--user-data-dir=\(folder.url.path)/profile",
    ]
    // Its sandbox does not run as root.
    if getuid() == 0 { arguments.append("--no-sandbox") }
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments =
      ["-c", "exec \"$0\" \"$@\" 3<'\(pipes[0])' 4>'\(pipes[1])'", program] + arguments
    let log = folder.url.appendingPathComponent("log")
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    process.standardOutput = try FileHandle(forWritingTo: log)
    process.standardError = try FileHandle(forWritingTo: log)
    try process.run()
    let target = try call("Target.createTarget", ["url": "about:blank"])
    let attached = try call(
      "Target.attachToTarget", ["targetId": target["targetId"] ?? "", "flatten": true])
    session = attached["sessionId"] as? String
    for domain in ["Page", "Runtime", "Log", "Network"] { try call("\(domain).enable") }
  }

  deinit {
    process.terminate()
    process.waitUntilExit()
    close(requests)
    close(answers)
  }

  private static var program: String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    let paths = folders.flatMap { folder in
      ["chromium", "chromium-browser"].map { "\(folder)/\($0)" }
    }
    return paths.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  // MARK: What a reader does

  /// Opens a file in a window of this size, as a system in dark or light colours would show it.
  func show(_ file: URL, width: Int, isDark: Bool) throws {
    try call(
      "Emulation.setDeviceMetricsOverride",
      ["width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false])
    try setMedia("", isDark: isDark)
    events = []
    try call("Page.navigate", ["url": file.absoluteString])
    while !events.contains(where: { $0.method == "Page.loadEventFired" }) {
      try take(try message())
    }
    // A round trip through the page: what it had to report has arrived before the answer.
    _ = try evaluate("document.fonts.ready.then(() => 0)")
  }

  /// Shows the page as on `print` or, with an empty name, on a screen.
  func setMedia(_ media: String, isDark: Bool) throws {
    try call(
      "Emulation.setEmulatedMedia",
      [
        "media": media,
        "features": [["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"]],
      ])
  }

  /// What an expression of JavaScript gives on the page, as JSON has it; a promise is waited for.
  func evaluate(_ expression: String) throws -> Any? {
    let answer = try call(
      "Runtime.evaluate",
      ["expression": expression, "returnByValue": true, "awaitPromise": true])
    if let exception = answer["exceptionDetails"] {
      throw Failure(description: "\(expression.prefix(80)): \(exception)")
    }
    return (answer["result"] as? [String: Any])?["value"]
  }

  /// A picture of the whole page at a third of its size, in PNG.
  func screenshot(height: Int, width: Int) throws -> Data {
    let answer = try call(
      "Page.captureScreenshot",
      [
        "format": "png", "captureBeyondViewport": true,
        "clip": ["x": 0, "y": 0, "width": width, "height": height, "scale": 1.0 / 3],
      ])
    guard let data = Data(base64Encoded: answer["data"] as? String ?? "") else {
      throw Failure(description: "the screenshot is no base64")
    }
    return data
  }

  /// The page on paper, in PDF.
  func pdf() throws -> Data {
    let answer = try call("Page.printToPDF", ["printBackground": false])
    return Data(base64Encoded: answer["data"] as? String ?? "") ?? Data()
  }

  /// The share of pixels in which two pictures differ visibly: by more than 40 of 255 in a colour.
  /// Pictures of different sizes differ in all.
  func difference(of first: Data, and second: Data) throws -> Double {
    let script = """
      (async (first, second) => {
        const pixels = async base64 => {
          const picture = new Image();
          picture.src = 'data:image/png;base64,' + base64;
          await picture.decode();
          const canvas = document.createElement('canvas');
          canvas.width = picture.width;
          canvas.height = picture.height;
          const context = canvas.getContext('2d');
          context.drawImage(picture, 0, 0);
          return context.getImageData(0, 0, canvas.width, canvas.height);
        };
        const [a, b] = [await pixels(first), await pixels(second)];
        if (a.width !== b.width || a.height !== b.height) return 1;
        let count = 0;
        for (let i = 0; i < a.data.length; i += 4)
          if ([0, 1, 2].some(k => Math.abs(a.data[i + k] - b.data[i + k]) > 40)) count += 1;
        return count / (a.data.length / 4);
      })('\(first.base64EncodedString())', '\(second.base64EncodedString())')
      """
    // An empty page has no policy that would keep pictures out.
    try call("Page.navigate", ["url": "about:blank"])
    guard let share = try evaluate(script) as? NSNumber else {
      throw Failure(description: "the pictures could not be compared")
    }
    return share.doubleValue
  }

  // MARK: The protocol

  @discardableResult
  private func call(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
    calls += 1
    var message: [String: Any] = ["id": calls, "method": method, "params": parameters]
    if let session { message["sessionId"] = session }
    var bytes = [UInt8](try JSONSerialization.data(withJSONObject: message)) + [0]
    while !bytes.isEmpty {
      let written = write(requests, bytes, bytes.count)
      guard written > 0 else { throw Failure(description: "Chromium takes nothing") }
      bytes.removeFirst(written)
    }
    while true {
      let answer = try self.message()
      guard (answer["id"] as? NSNumber)?.intValue == calls else {
        try take(answer)
        continue
      }
      if let error = answer["error"] { throw Failure(description: "\(method): \(error)") }
      return answer["result"] as? [String: Any] ?? [:]
    }
  }

  private func take(_ message: [String: Any]) throws {
    guard let method = message["method"] as? String else { return }
    events.append(Event(method: method, parameters: message["params"] as? [String: Any] ?? [:]))
  }

  /// The next message, ended by a zero.
  private func message() throws -> [String: Any] {
    var searched = 0
    while true {
      if let end = received[searched...].firstIndex(of: 0) {
        let bytes = Data(received[..<end])
        received.removeSubrange(...end)
        return try JSONSerialization.jsonObject(with: bytes) as? [String: Any] ?? [:]
      }
      searched = received.count
      var ready = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
      guard poll(&ready, 1, Browser.patienceSeconds * 1_000) > 0 else {
        let log = try? Repository.text(folder.url.appendingPathComponent("log"))
        throw Failure(description: "Chromium does not answer: \(log?.suffix(2_000) ?? "")")
      }
      var chunk = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(answers, &chunk, chunk.count)
      guard count > 0 else { throw Failure(description: "Chromium has gone") }
      received += chunk[..<count]
    }
  }
}

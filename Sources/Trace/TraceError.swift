/// What can go wrong between kvsim and a trace file. Every case names the file, and every message
/// says what to do.
public enum TraceError: Error, Hashable, Sendable {
  /// Something stands at the path and replacing it was not asked for.
  case fileExists(path: String)
  /// A folder, a link or a device stands where a trace file belongs.
  case notARegularFile(path: String)
  /// There is no file to read.
  case noSuchFile(path: String)
  /// The folder that is to hold the file does not exist.
  case noSuchFolder(path: String, folder: String)
  /// Another live process is writing the same trace.
  case busy(path: String)
  /// The file system has no room left.
  case diskFull(path: String)
  /// The operating system refused something; `code` is its `errno`.
  case io(path: String, operation: String, code: Int32, reason: String)
  /// The file is no SQLite database, or not one that kvsim wrote.
  case notATrace(path: String)
  /// The trace was turned to write-ahead logging, so that it cannot be read without being written.
  case writeAheadLog(path: String)
  /// The trace was written in another version of the schema.
  case wrongVersion(path: String, found: Int64, expected: Int64)
  /// The file says it is a trace, and its contents contradict that.
  case damaged(path: String, reason: String)
  /// SQLite refused something; `code` is its extended result code.
  case sqlite(path: String, code: Int32, reason: String)
  /// The trace holds no run of that number.
  case noSuchRun(path: String, run: Int64)
  /// A query that SQLite cannot compile, or that may not be run on a trace.
  case badQuery(path: String, reason: String)
  /// A parameter that a query has not, or that it cannot be given.
  case badParameter(path: String, reason: String)
  /// The trace has not got what an export was asked for.
  case exportRefused(path: String, reason: String)
  /// The database is of another sweep.
  case anotherSweep(path: String, reason: String)
  /// A database that has no share of the sweep that others have shares of.
  case foreignShare(path: String, reason: String)
  /// A database that is to be merged stands where the result would be written.
  case resultOverShare(path: String)
  /// Databases that do not make up a whole sweep.
  case incompleteMerge(path: String, reason: String)
  /// Something else stands where an export is to have its folder.
  case notAFolder(path: String)
  /// A query or an export was still running when its time was over.
  case queryTimeLimit(path: String)
}

extension TraceError {
  /// What is wrong with a parameter that is none of these.
  static func unknownParameter(_ name: String, of names: [String], path: String) -> TraceError {
    let accepted = names.isEmpty ? "none" : names.joined(separator: ", ")
    return .badParameter(
      path: path, reason: "the query has no parameter `\(name)`; accepted: \(accepted)")
  }
}

extension TraceError: CustomStringConvertible {
  /// One sentence on what happened and one on what to do.
  public var description: String {
    switch self {
    case .fileExists(let path):
      "\(path) exists already. Choose another name, or pass --force to overwrite it."
    case .notARegularFile(let path):
      "\(path.isEmpty ? "An empty name" : path) is not a regular file. Name a file of your own; "
        + "links, folders and devices are refused."
    case .noSuchFile(let path):
      "\(path) does not exist. Check the name of the trace."
    case .noSuchFolder(let path, let folder):
      "\(path) cannot be opened: there is no folder \(folder). Check the name; to write there, "
        + "create the folder first."
    case .busy(let path):
      "\(path) is being written by another process. Wait for it, or choose another name."
    case .diskFull(let path):
      "\(path) could not be written: the disk is full. Make room, or write elsewhere."
    case .io(let path, let operation, let code, let reason):
      "\(path): could not \(operation): \(reason) (errno \(code)). "
        + "Check the folder's permissions and its disk."
    case .notATrace(let path):
      "\(path) is not a trace written by kvsim. Name a file that `kvsim run` wrote."
    case .writeAheadLog(let path):
      "\(path) is a trace that another program has turned to write-ahead logging, which cannot be "
        + "read without being written. Turn a copy back: "
        + "sqlite3 COPY 'PRAGMA journal_mode = DELETE'."
    case .wrongVersion(let path, let found, let expected):
      "\(path) is a trace of schema version \(found); this kvsim reads version \(expected). "
        + "Write it again with this kvsim, or read it with the one that wrote it."
    case .damaged(let path, let reason):
      "\(path) is damaged: \(reason). Write it again."
    case .sqlite(let path, let code, let reason):
      "\(path): SQLite refused: \(reason) (code \(code))."
    case .noSuchRun(let path, let run):
      "\(path) holds no run \(run). List its runs to see which there are."
    case .badQuery(let path, let reason):
      "\(path): the query was refused: \(reason). "
        + "A query is one SELECT of what docs/traces.md lists."
    case .exportRefused(let path, let reason), .badParameter(let path, let reason):
      "\(path): \(reason)."
    case .anotherSweep(let path, let reason):
      "\(path) is of another sweep: \(reason). Choose another name, or pass --force to begin anew."
    case .foreignShare(let path, let reason):
      "\(path) does not belong to this sweep: \(reason). Leave it out, or run its share again."
    case .resultOverShare(let path):
      "\(path) is one of the databases to merge, and would be written over. Choose another name "
        + "for the result."
    case .incompleteMerge(let path, let reason):
      "\(path) was not written: \(reason). Name the database of every share once."
    case .notAFolder(let path):
      "\(path) is not a folder. Name one that is there, or none, to have it made."
    case .queryTimeLimit(let path):
      "\(path): what was asked of it was not done when its time was over. Raise --time-limit, or "
        + "ask for less."
    }
  }
}

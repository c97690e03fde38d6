import Dispatch
import Foundation

/// Says what becomes of unfinished work before Ctrl-C or a termination ends the process, which ends
/// as if nobody had listened.
final class Interruption {
  private var signals = sigset_t()
  private let sources: [any DispatchSourceSignal]

  /// Listens until it is let go of.
  /// - Parameter message: a line for people.
  /// - Precondition: no thread was started that would take the signals instead.
  init(message: String) {
    sigemptyset(&signals)
    let signals = [SIGINT, SIGTERM]
    for number in signals { sigaddset(&self.signals, number) }
    // Dispatch hears of signals that no thread takes.
    pthread_sigmask(SIG_BLOCK, &self.signals, nil)
    let set = self.signals
    sources = signals.map { number in
      DispatchSource.makeSignalSource(signal: number, queue: .global())
    }
    for (number, source) in zip(signals, sources) {
      source.setEventHandler {
        printError(message)
        // Dispatch has caught it till now.
        signal(number, SIG_DFL)
        var own = set
        pthread_sigmask(SIG_UNBLOCK, &own, nil)
        // To this thread: sent to the process it would come here once more.
        raise(number)
      }
      source.resume()
    }
  }

  deinit {
    for source in sources { source.cancel() }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }
}

/// What the copies of computed prompts between replicas came to.
public struct TransferSummary: Hashable, Sendable {
  /// Prompts that were copied.
  public let transfers: Int
  /// Bytes of their blocks; shared prefixes that were there already are not copied.
  public let bytes: Int
  /// From the first token to the start of the copy: what a request waited for a seat, for blocks
  /// and for the links.
  public let waiting: LatencyStatistics
  /// From the start of the copy to its end.
  public let copying: LatencyStatistics
}

/// Prompts on their way from the replicas that computed them to those that decode.
struct Transfers: Sendable {
  struct Transfer: Sendable {
    let from: ParkingPlace
    let to: ParkingPlace
    let startNs: Int64
    /// Since when it could have been copied.
    let readyNs: Int64
    let blocks: Int
  }

  private let transfer: KVTransfer?
  /// When each replica's link is free.
  private var freeNs: [Int64]
  /// By number; nil for one that is over or was called off.
  private var underWay: [Transfer?] = []
  private var vacant: [Int] = []
  private var count = 0
  private var blocks = 0
  private var waiting = LatencySamples()
  private var copying = LatencySamples()

  init(_ transfer: KVTransfer?, replicas: Int) {
    self.transfer = transfer
    freeNs = Array(repeating: 0, count: replicas)
  }

  /// Begins to copy blocks as soon as both links are free: its number, and when that is over. One
  /// without blocks to copy is over at once.
  mutating func begin(
    from: ParkingPlace, to: ParkingPlace, blocks: Int, readyNs: Int64, now: Int64
  ) -> (number: Int, endNs: Int64) {
    guard let transfer else { preconditionFailure("prompts stay where they are computed") }
    let startNs = blocks == 0 ? now : max(now, freeNs[from.server], freeNs[to.server])
    let endNs = startNs + (blocks == 0 ? 0 : transfer.link.ns(bytes: blocks * transfer.blockBytes))
    if blocks > 0 {
      freeNs[from.server] = endNs
      freeNs[to.server] = endNs
    }
    let number = vacant.popLast() ?? underWay.count
    if number == underWay.count { underWay.append(nil) }
    underWay[number] = Transfer(
      from: from, to: to, startNs: startNs, readyNs: readyNs, blocks: blocks)
    return (number, endNs)
  }

  /// One is over; nil where it was called off.
  mutating func end(_ number: Int, now: Int64) -> Transfer? {
    vacant.append(number)
    guard let transfer = underWay[number] else { return nil }
    underWay[number] = nil
    count += 1
    blocks += transfer.blocks
    waiting.append(transfer.startNs - transfer.readyNs)
    copying.append(now - transfer.startNs)
    return transfer
  }

  /// Calls off those from or to a replica. Links stay taken as long as they would have been.
  mutating func callOff(of server: Int) -> [Transfer] {
    var calledOff: [Transfer] = []
    for number in underWay.indices {
      guard let transfer = underWay[number],
        transfer.from.server == server || transfer.to.server == server
      else { continue }
      calledOff.append(transfer)
      underWay[number] = nil
    }
    return calledOff
  }

  /// Nil where prompts stay where they are computed.
  var summary: TransferSummary? {
    transfer.map {
      TransferSummary(
        transfers: count, bytes: blocks * $0.blockBytes, waiting: waiting.statistics,
        copying: copying.statistics)
    }
  }
}

import CSQLite
import Simulator

// The columns of the tables that are fed (``RowInserts``), as SQLite calls for them: by the number
// of the column in the order in which the table is declared.

func requestColumn(
  _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ context: OpaquePointer?, _ column: Int32
) -> Int32 {
  let row = RowFeed.row(of: cursor, as: PlacedRecord<RequestRecord>.self)
  switch column {
  case 0: sqlite3_result_int64(context, row.pointee.seq)
  case 1: sqlite3_result_int64(context, row.pointee.record.id)
  case 2: sqlite3_result_int64(context, row.pointee.record.arrivalNs)
  case 3: result(context, unlessNegative: row.pointee.record.scheduledNs)
  case 4: result(context, unlessNegative: row.pointee.record.firstTokenNs)
  case 5: sqlite3_result_int64(context, row.pointee.record.finishNs)
  case 6: sqlite3_result_int64(context, row.pointee.record.promptTokens)
  case 7: sqlite3_result_int64(context, row.pointee.record.cachedTokens)
  case 8: sqlite3_result_int64(context, row.pointee.record.outputTokens)
  case 9: sqlite3_result_int64(context, row.pointee.record.preemptions)
  case 10: result(context, row.pointee.record.outcome.stored)
  case 11: sqlite3_result_int64(context, row.pointee.record.requestClass)
  case 12: sqlite3_result_int64(context, row.pointee.record.priority)
  case 13: sqlite3_result_int64(context, row.pointee.record.replica)
  case 14: sqlite3_result_int64(context, row.pointee.record.samples)
  default: sqlite3_result_int64(context, row.pointee.record.lastSampleTokens)
  }
  return SQLITE_OK
}

func stepColumn(
  _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ context: OpaquePointer?, _ column: Int32
) -> Int32 {
  let row = RowFeed.row(of: cursor, as: PlacedRecord<StepRecord>.self)
  let value =
    switch column {
    case 0: row.pointee.seq
    case 1: row.pointee.id
    case 2: row.pointee.record.startNs
    case 3: row.pointee.record.endNs
    case 4: row.pointee.record.steps
    case 5: row.pointee.record.decodeSequences
    case 6: row.pointee.record.contextTokens
    case 7: row.pointee.record.prefillSequences
    case 8: row.pointee.record.prefillTokens
    case 9: row.pointee.record.waitingRequests
    case 10: row.pointee.record.preemptedRequests
    case 11: row.pointee.record.usedBlocks
    case 12: row.pointee.record.emptySlots
    case 13: row.pointee.record.cost.linearNs
    case 14: row.pointee.record.cost.appendNs
    case 15: row.pointee.record.cost.decodeAttentionNs
    case 16: row.pointee.record.cost.prefillAttentionNs
    case 17: row.pointee.record.cost.elementwiseNs
    case 18: row.pointee.record.cost.collectiveNs
    case 19: row.pointee.record.cost.hostNs
    case 20: row.pointee.record.cost.swapNs
    case 21: row.pointee.record.cost.extrapolatedNs
    case 22: row.pointee.record.cost.derivedNs
    default: row.pointee.record.replica
    }
  sqlite3_result_int64(context, value)
  return SQLITE_OK
}

func eventColumn(
  _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ context: OpaquePointer?, _ column: Int32
) -> Int32 {
  let row = RowFeed.row(of: cursor, as: PlacedRecord<EventRecord>.self)
  switch column {
  case 0: sqlite3_result_int64(context, row.pointee.seq)
  case 1: result(context, row.pointee.record.kind.stored)
  case 2: sqlite3_result_int64(context, row.pointee.record.timeNs)
  case 3: sqlite3_result_int64(context, row.pointee.record.startNs)
  case 4: sqlite3_result_int64(context, row.pointee.record.replica)
  case 5: result(context, unlessNegative: row.pointee.record.toReplica)
  case 6: result(context, unlessNegative: row.pointee.record.request)
  case 7: sqlite3_result_int64(context, row.pointee.record.sample)
  case 8: result(context, row.pointee.record.cause.stored)
  case 9: result(context, unlessNegative: row.pointee.record.yieldedTo)
  case 10: sqlite3_result_int64(context, row.pointee.record.tokens)
  default: sqlite3_result_int64(context, row.pointee.record.blocks)
  }
  return SQLITE_OK
}

private func result(_ context: OpaquePointer?, unlessNegative value: Int64) {
  if value >= 0 { sqlite3_result_int64(context, value) } else { sqlite3_result_null(context) }
}

/// A word, which is never freed, so that SQLite need not copy it.
private func result(_ context: OpaquePointer?, _ word: StaticString?) {
  guard let word else { return sqlite3_result_null(context) }
  word.withUTF8Buffer { bytes in
    bytes.withMemoryRebound(to: CChar.self) {
      sqlite3_result_text(context, $0.baseAddress, Int32($0.count), nil)
    }
  }
}

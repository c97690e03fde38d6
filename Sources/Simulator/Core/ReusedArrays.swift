extension Array {
  /// Removes all elements and keeps the storage. Without any it does nothing, which the library's
  /// removal does at the price of a call, or of two where the storage is none of its own.
  @inline(__always)
  mutating func clear() {
    if !isEmpty { removeAll(keepingCapacity: true) }
  }
}

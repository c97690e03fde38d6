/// A whole number that takes 32 bits where it is kept and is an `Int` for those who use it. One
/// that does not fit traps.
@propertyWrapper
struct Narrow: Hashable, Sendable {
  private var stored: Int32

  var wrappedValue: Int {
    @inline(__always) get { Int(stored) }
    @inline(__always) set { stored = Int32(newValue) }
  }

  @inline(__always)
  init(wrappedValue: Int) { stored = Int32(wrappedValue) }
}

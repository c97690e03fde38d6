import Operators
import Testing

@Suite struct FNV1aTests {
  @Test("FNV-1a has its published values, in one piece and in several")
  func publishedValues() {
    #expect(FNV1a.digits([]) == "cbf29ce484222325")
    #expect(FNV1a.digits("a".utf8) == "af63dc4c8601ec8c")
    #expect(FNV1a.digits("foobar".utf8) == "85944171f73967e8")
    var hash = FNV1a()
    hash.combine("foo".utf8)
    hash.combine("bar".utf8)
    #expect(hash.digits == "85944171f73967e8")
  }
}

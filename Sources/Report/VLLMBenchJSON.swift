import Trace

/// A result under the names of `vllm bench serve` as JSON.
struct VLLMBenchJSON: Encodable {
  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  private let result: VLLMBenchResult

  init(_ result: VLLMBenchResult) { self.result = result }

  func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: Name.self)
    for (name, value) in result.fields {
      let key = Name(stringValue: name)
      switch value {
      case .null: try object.encodeNil(forKey: key)
      case .text(let text): try object.encode(text, forKey: key)
      case .count(let count): try object.encode(count, forKey: key)
      case .number(let number): try object.encode(number, forKey: key)
      }
    }
  }
}

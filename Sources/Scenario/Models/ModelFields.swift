/// The keys of a `config.json`, or of the `text_config` in it, that describe a model.
struct ModelFields {
  let config: MappingCursor
  /// Whether this is a `text_config`, in which transformers writes only what differs from its
  /// defaults. A root states every size, so that one that is missing there is a mistake.
  let isNested: Bool

  /// The value of `key`; nil where it is absent or `null`, which Hugging Face writes for a setting
  /// that is left to its default.
  func value(_ key: String) -> Cursor? {
    guard let cursor = config.optional(key), !cursor.isNull else { return nil }
    return cursor
  }

  /// A size from 1 to `limit`; only a nested one may be left out.
  func size(_ key: String, upTo limit: Int, absent: Int) -> Int? {
    if isNested, value(key) == nil { return absent }
    return config.required(key, accepted: "a whole number from 1 to \(limit)")?
      .integer(in: 1...limit)
  }

  /// A whole number that may be left out.
  func integer(_ key: String, in range: ClosedRange<Int>, absent: Int) -> Int? {
    guard let cursor = value(key) else { return absent }
    return cursor.integer(in: range)
  }

  /// A truth value that may be left out.
  func boolean(_ key: String, absent: Bool) -> Bool? {
    guard let cursor = value(key) else { return absent }
    return cursor.boolean()
  }

  /// Reports an error at the value of `key`, or where the mapping starts if it has none.
  func refuse(_ key: String, _ message: String) {
    if let cursor = config.optional(key) {
      cursor.refuse(message)
    } else {
      let path = config.path.isEmpty ? key : "\(config.path).\(key)"
      config.log.report(at: config.position, key: path, message)
    }
  }
}

extension Cursor {
  /// Whether the value is `null`.
  var isNull: Bool { isBare("null") }

  /// Whether the value is this word, without quotes.
  func isBare(_ word: String) -> Bool {
    if case .scalar(word, quoted: false) = node.kind { true } else { false }
  }
}

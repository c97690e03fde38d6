/// What tensor files may make large, and how large. Every limit of theirs stands here.
public enum TensorLimits {
  /// Bytes of one file: only the header and the chosen tensor of a safetensors file are read.
  public static let fileBytes = 1 << 40
  /// Bytes of the header of an `.npy` file; NumPy itself writes some hundred.
  public static let npyHeaderBytes = 1 << 16
  /// Bytes of the header of a safetensors file.
  public static let safetensorsHeaderBytes = 8 << 20
  /// Elements of one tensor: a quarter of a gibibyte in FP32. A study takes some fifteen
  /// times that.
  public static let elements = 1 << 26
  /// Dimensions of one tensor.
  public static let dimensions = 8
  /// Tokens of keys and values.
  public static let tokens = 1 << 20
  /// Heads of queries, given or drawn: four for each KV head.
  public static let heads = 512
  /// Heads of keys and values: as many as the largest models have, and few enough that a shape
  /// whose axes are swapped is found out by it.
  public static let kvHeads = 128
  /// Elements of one head's vector, of which it is a multiple of 16: what the kernels support.
  public static let headDim = 512
  /// Query tokens that a study asks at most.
  public static let queryTokens = 4_096
  /// Tensors of a file that an error names; the rest are counted.
  public static let namedTensors = 12
  /// Characters of a file that an error repeats.
  public static let quotedCharacters = 60

  /// Largest magnitude of an element: what the pages of every format of a study hold, which is that
  /// of an IEEE half over the square root of the largest order of rotation.
  public static func magnitude(headDim: Int) -> Float {
    AccuracyStudy.formats(headDim: headDim)
      .map { $0.largestMagnitude(headDim: headDim, isValue: false) }.min() ?? 65_504
  }

  /// What is accepted where ``magnitude(headDim:)`` is not kept.
  static func acceptedValues(_ limit: Float) -> String {
    "finite numbers up to \(limit) in magnitude, which pages of every format hold"
  }

  /// `text` between backquotes, cut where it is long.
  static func quoted(_ text: String) -> String {
    guard text.count > quotedCharacters else { return "`\(text)`" }
    return "`\(text.prefix(quotedCharacters))…`"
  }

  /// The product of a shape's dimensions; nil where one is negative or the product is above
  /// ``elements``.
  static func elementCount(_ shape: [Int]) -> Int? {
    if shape.contains(where: { $0 < 0 }) { return nil }
    if shape.contains(0) { return 0 }
    var count = 1
    for dimension in shape {
      let (product, overflows) = count.multipliedReportingOverflow(by: dimension)
      guard !overflows && product <= elements else { return nil }
      count = product
    }
    return count
  }
}

/// The specialisation constants that a shader's code depends on, read from its SPIR-V.
///
/// common.glsl declares the sizes of pages for all shaders, and compilers keep a constant that
/// nothing reads, and what is computed from it. Two pipelines that differ in such constants alone
/// are the same, and compiling takes up to seconds; what a person would list by hand here would be
/// wrong on the day a shader reads one more.
///
/// The binary form is that of the SPIR-V specification, 2.3 (layout) and 3.52 (instructions).
struct ShaderConstants {
  /// What stands in the SPIR-V, by the constant's number: what it is if nobody says otherwise.
  let defaults: [Int: UInt32]
  /// The numbers of those that code depends on.
  let used: Set<Int>

  /// Reads a module that a compiler wrote; takes time in proportion to its words.
  /// - Parameter words: the module, with its header of five words.
  init(_ words: UnsafeBufferPointer<UInt32>) {
    var numbers: [UInt32: Int] = [:]
    var values: [UInt32: UInt32] = [:]
    // What each constant is computed from.
    var sources: [UInt32: [UInt32]] = [:]
    // Constants that code, types or the workgroup's size name. Numbers in instructions count as
    // names too: a constant more is compiled for than need be, never one less.
    var named: Set<UInt32> = []
    var at = 5
    while at < words.count {
      let operands = words[at + 1..<at + Int(words[at] >> 16)]
      let first = operands.startIndex
      switch words[at] & 0xFFFF {
      case Code.decorate where words[first + 1] == Code.specialisation:
        numbers[words[first]] = Int(words[first + 2])
      case Code.decorate where operands.count > 2 && words[first + 2] == Code.workgroupSize:
        named.insert(words[first])
      case Code.specTrue, Code.specFalse:
        values[words[first + 1]] = words[at] & 0xFFFF == Code.specTrue ? 1 : 0
      case Code.specConstant: values[words[first + 1]] = words[first + 2]
      case Code.specComposite, Code.specOperation:
        sources[words[first + 1]] = Array(operands.dropFirst(2))
      case let code where !Code.silent.contains(code): named.formUnion(operands)
      default: break
      }
      at += operands.count + 1
    }
    var open = Array(named)
    while let id = open.popLast() {
      for source in sources[id] ?? [] where named.insert(source).inserted { open.append(source) }
    }
    used = Set(numbers.filter { named.contains($0.key) }.values)
    defaults = Dictionary(
      numbers.map { ($0.value, values[$0.key] ?? 0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The constants that a pipeline is told apart by: those that nothing reads at their defaults.
  func relevant(_ constants: [UInt32]) -> [UInt32] {
    constants.enumerated().map { used.contains($0) ? $1 : defaults[$0] ?? $1 }
  }

  /// Instructions and decorations, by the specification's numbers.
  private enum Code {
    static let specTrue: UInt32 = 48
    static let specFalse: UInt32 = 49
    static let specConstant: UInt32 = 50
    static let specComposite: UInt32 = 51
    static let specOperation: UInt32 = 52
    static let decorate: UInt32 = 71
    static let specialisation: UInt32 = 1
    static let workgroupSize: UInt32 = 25
    /// What computes nothing, and whose numbers are no names: sources, names, extensions, memory
    /// model, capabilities, types of numbers, plain constants, decorations.
    static let silent: Set<UInt32> = [3, 4, 5, 6, 7, 10, 11, 14, 17, 21, 22, 43, 71, 72]
  }
}

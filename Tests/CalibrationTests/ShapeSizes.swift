import Operators

extension OperatorShape {
  /// What a shape is measured at: up to three sizes.
  var sizes: [Int] {
    switch self {
    case .linear(let tokens, let outputs, let inputs): [tokens, outputs, inputs]
    case .append(let tokens, _, _): [tokens]
    case .decodeAttention(let sequences, let context, _, _): [sequences, context]
    // The longest context goes down to the mean, where nothing is to be measured.
    case .raggedDecode(let batch, _, _): [batch.sequences, batch.context]
    case .prefillAttention(let tokens, let prefix, _, _): [tokens, prefix]
    case .elementwise(_, let rows, let width): [rows, width]
    default: []
    }
  }
}

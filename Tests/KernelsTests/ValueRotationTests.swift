import CAttention
import Kernels
import Operators
import TestSupport
import Testing

/// No named format rotates values yet, but the kernels do: what append turns, decode and prefill
/// turn back.
@Suite struct ValueRotationTests {
  @Test func outputsComeBackUnrotated() throws {
    var random = SeededRandom(81)
    for dim in [64, 80, 128] {
      let tokens = 20
      let keys = random.normals(tokens * dim)
      let values = random.normals(tokens * dim)
      let query = random.normals(dim)
      let expected = Reference.attention(
        query: query.map(Double.init), keys: rows(keys, dim), values: rows(values, dim),
        count: tokens)
      for path in CPUPath.available {
        let output = decode(code(of: path), keys, values, query, tokens: tokens)
        // FP16 pages: what rounding K and V to halves leaves, far below one wrong rotation.
        #expect(nmse(output[...], expected) <= 1e-5, "\(path) \(dim)")
      }
    }
  }

  private func rows(_ floats: [Float], _ dim: Int) -> [[Double]] {
    stride(from: 0, to: floats.count, by: dim).map { floats[$0..<$0 + dim].map(Double.init) }
  }

  private func decode(
    _ path: kv_path, _ keys: [Float], _ values: [Float], _ query: [Float], tokens: Int
  ) -> [Float] {
    let dim = query.count
    let order = Int64(dim & -dim)
    var shape = kv_shape(
      bits: 16, key_rotation: order, value_rotation: order, block_size: Int64(tokens),
      kv_heads: 1, group_size: 1, head_dim: Int64(dim))
    var pages = [UInt8](repeating: 0, count: tokens * dim * 4)
    var output = [Float](repeating: .nan, count: dim)
    var partials = [Float](repeating: 0, count: dim + 2)
    var scratch = [Float](repeating: 0, count: Int(kv_decode_scratch_count(&shape)))
    let spans = [
      kv_span(sequence: 0, kv_head: 0, first_token: 0, last_token: Int64(tokens))
    ]
    let slots = (0..<tokens).map(Int64.init)
    let table: [Int32] = [0]
    let starts: [Int64] = [0, 1]
    pages.withUnsafeMutableBufferPointer { pages in
      keys.withUnsafeBufferPointer { keys in
        values.withUnsafeBufferPointer { values in
          slots.withUnsafeBufferPointer { slots in
            var call = kv_append(
              shape: shape, pages: pages.baseAddress, slots: slots.baseAddress,
              keys: keys.baseAddress, values: values.baseAddress)
            kv_append_tokens(path, &call, 0, Int64(tokens))
          }
        }
      }
    }
    pages.withUnsafeBufferPointer { pages in
      query.withUnsafeBufferPointer { query in
        spans.withUnsafeBufferPointer { spans in
          table.withUnsafeBufferPointer { table in
            starts.withUnsafeBufferPointer { starts in
              partials.withUnsafeMutableBufferPointer { partials in
                output.withUnsafeMutableBufferPointer { output in
                  var call = kv_decode(
                    shape: shape, soft_cap: 0, pages: pages.baseAddress, tables: table.baseAddress,
                    table_stride: 1, queries: query.baseAddress, spans: spans.baseAddress,
                    partials: partials.baseAddress, span_starts: starts.baseAddress,
                    outputs: output.baseAddress)
                  kv_decode_spans(path, &call, 0, 1, &scratch)
                  kv_decode_merge(path, &call, 0, 1)
                }
              }
            }
          }
        }
      }
    }
    return output
  }
}

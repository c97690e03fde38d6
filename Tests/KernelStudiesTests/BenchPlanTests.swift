import KernelStudies
import Operators
import Testing

@Suite("Benchmark plans")
struct BenchPlanTests {
  @Test("The standard plan spans batch 1 to 64 and context 1k to 64k in all formats")
  func standard() {
    let groups = BenchPlan.standard.groups.filter { $0.kind == .decode }
    #expect(groups.count == 16)
    var shapes: Set<[Int]> = []
    for group in groups {
      #expect(group.cases.map(\.kvFormat) == [.fp16, .int4, .int4Rotated])
      for case .decodeAttention(let batch, let context, let heads, _) in group.cases {
        shapes.insert([batch, context])
        #expect(heads == HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128))
      }
    }
    let expected = [1, 4, 16, 64].flatMap { batch in
      [1024, 4096, 16384, 65536].map { [batch, $0] }
    }
    #expect(shapes == Set(expected))
    #expect(BenchPlan.standard.objection == nil && BenchPlan.quick.objection == nil)
  }

  @Test("Each dense layer is a group of its own, from one token to 1,024")
  func linear() {
    let groups = BenchPlan.standard.groups.filter { $0.kind == .linear }
    #expect(
      groups.map(\.cases)
        == [1, 4, 16, 64, 256, 1024].map {
          [OperatorShape.linear(tokens: $0, outputs: 12288, inputs: 4096)]
        })
  }

  @Test("Append and gather know values that are rotated too")
  func moved() {
    for kind in [BenchGroup.Kind.append, .gather] {
      let groups = BenchPlan.quick.groups.filter { $0.kind == kind }
      #expect(
        groups.map { $0.cases.map { $0.kvFormat?.name } } == [
          ["fp16", "int4", "int4-rotated", "int4-rotated-128-kv"]
        ])
    }
  }

  @Test("One thread runs the shapes of the published figures")
  func oneThread() {
    #expect(
      BenchPlan.quick.oneThreadGroups.map(\.label) == [
        "decode-one-thread 1 x 1024", "decode-one-thread 1 x 16384",
      ])
  }

  @Test("Kinds that are not asked for are left out")
  func kinds() {
    var plan = BenchPlan.standard
    plan.kinds = [.linear]
    #expect(plan.groups.map(\.kind) == [BenchGroup.Kind](repeating: .linear, count: 6))
    #expect(plan.oneThreadGroups.isEmpty)
  }

  @Test("A bad plan says what is wrong")
  func objections() throws {
    let spoilt: [(word: String, spoil: (inout BenchPlan) -> Void)] = [
      ("batch", { $0.batches = [4, 0] }), ("batch", { $0.batches = [1025] }),
      ("context", { $0.contexts = [0] }), ("context", { $0.contexts = [1 << 20 + 1] }),
      ("at least one", { $0.batches = [] }), ("at least one", { $0.contexts = [] }),
      ("at least one", { $0.kinds = [] }), ("page", { $0.blockSize = 0 }),
      ("page", { $0.blockSize = 1025 }), ("repeats", { $0.repeats = 2 }),
      ("dimensions", { $0.heads = HeadGeometry(queryHeads: 8, kvHeads: 8, headDim: 40) }),
      ("dimensions", { $0.heads = HeadGeometry(queryHeads: 8, kvHeads: 8, headDim: 528) }),
      (
        "page of 1024",
        {
          $0.blockSize = 1024
          $0.heads = HeadGeometry(queryHeads: 64, kvHeads: 64, headDim: 512)
        }
      ),
    ]
    for (word, spoil) in spoilt {
      var plan = BenchPlan.quick
      spoil(&plan)
      #expect(plan.objection?.contains(word) == true, "\(word): \(plan.objection ?? "none")")
    }
  }

  @Test("Heads as users write them")
  func heads() {
    #expect(
      HeadGeometry(text: "32/8/128")
        == HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128))
    for text in [
      "", "32", "32/8", "32/8/128/1", "32/7/128", "0/1/2", "8/0/16", "8/8/15", "a/b/c",
      "32//128", "32/8/ 128", "8192/8/128", "-8/-8/16",
    ] {
      #expect(HeadGeometry(text: text) == nil, "\(text)")
    }
  }
}

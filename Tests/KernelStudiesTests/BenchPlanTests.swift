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
      #expect(group.cases.map(\.format) == [.fp16, .int4, .int4Rotated])
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

  @Test("A GPU's plan has the shapes that the specification names, in three formats")
  func gpu() {
    let plan = BenchPlan.gpu
    #expect(plan.objection == nil && plan.oneThreadGroups.isEmpty)
    #expect(BenchPlan.gpuQuick.objection == nil && BenchPlan.softwareGPU.objection == nil)
    var labels = [
      "decode 8 x 16384", "decode 64 x 4096", "decode 64 x 16384", "decode 256 x 1024",
      "decode 1 x 131072", "prefill 8192 after 0", "prefill 16384 after 0", "append 1",
      "append 8192", "gather 8192",
    ]
    for layer in ["qkv", "o", "gate_up", "down"] {
      labels += [1, 4, 16, 2048, 8192].map { "linear \(layer) M=\($0)" }
    }
    #expect(plan.groups.map(\.label) == labels)
    for group in plan.groups {
      let formats: [KVFormat?] = group.kind == .linear ? [nil] : [.fp16, .int4, .int4Rotated]
      #expect(group.cases.map(\.format) == formats)
    }
    let layers = plan.groups.filter { $0.kind == .linear }.map { $0.cases[0] }
    #expect(layers[0] == .linear(tokens: 1, outputs: 6144, inputs: 4096))
    #expect(layers[5] == .linear(tokens: 1, outputs: 4096, inputs: 4096))
    #expect(layers[10] == .linear(tokens: 1, outputs: 24576, inputs: 4096))
    #expect(layers[19] == .linear(tokens: 8192, outputs: 4096, inputs: 12288))
  }

  @Test("Batches pair with every context, contexts with every batch")
  func grids() {
    var plan = BenchPlan.gpu
    #expect(plan.batches == [8, 64, 256, 1])
    #expect(plan.contexts == [16384, 4096, 1024, 131_072])
    plan.batches = [2]
    #expect(plan.decodes == plan.contexts.map { .init(2, $0) } && plan.decodes.count == 4)
    plan.contexts = [7, 9]
    #expect(plan.decodes == [.init(2, 7), .init(2, 9)])
  }

  @Test("Append and gather know values that are rotated too")
  func moved() {
    for kind in [BenchGroup.Kind.append, .gather] {
      let groups = BenchPlan.quick.groups.filter { $0.kind == kind }
      #expect(
        groups.map { $0.cases.map { $0.format?.name } } == [
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

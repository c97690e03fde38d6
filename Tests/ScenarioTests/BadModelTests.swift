import Foundation
import Testing

@testable import Scenario

@Suite struct BadModelTests {
  @Test("one mistake gives one error at its place", arguments: mistakes)
  func oneMistake(_ input: BadInput) throws {
    let errors = try Fixture.errors("model.json", input.applied(to: Fixture.model))
    try input.expectAlone(in: errors, of: "model.json")
  }

  static let mistakes: [BadInput] = [
    BadInput("no layers", "  \"num_hidden_layers\": 2,\n", "", "1:1", "num_hidden_layers: missing"),
    BadInput("layers are text", "layers\": 2", "layers\": \"2\"", "5:24", "without quotes"),
    BadInput("layers are null", "layers\": 2", "layers\": null", "5:24", "`null` is not accepted"),
    BadInput("too many layers", "layers\": 2", "layers\": 5000", "5:24", "from 1 to 4096"),
    BadInput(
      "no experts", "\"llama\"", "\"mixtral\", \"num_experts_per_tok\": 2", "1:1",
      "num_local_experts: missing"),
    BadInput(
      "foreign experts", "\"rope_theta\"", "\"num_experts\": 8, \"rope_theta\"", "12:18",
      "`llama` has no experts"),
    BadInput("recurrent layers", "\"llama\"", "\"mamba2\"", "2:17", "recurrent"),
    BadInput("encoder", "\"llama\"", "\"t5\"", "2:17", "has an encoder"),
    BadInput(
      "an unknown encoder and decoder", "\"llama\"", "\"x\", \"is_encoder_decoder\": true", "2:17",
      "`x` is not covered: it has an encoder"),
    BadInput(
      "an unknown latent attention", "\"llama\"", "\"x\", \"kv_lora_rank\": 512", "2:17",
      "latent attention"),
    BadInput("latent attention", "\"llama\"", "\"deepseek_v3\"", "2:17", "latent attention"),
    BadInput("unknown type", "\"llama\"", "\"lama\"", "2:17", "mean `llama`?", "`mistral`"),
    BadInput(
      "another model", "\"llama\"", "\"qwen4\"", "2:17", "`qwen4` is not covered; accepted: "),
    BadInput("a type of its own", "\"llama\"", "\"phi-msft\"", "2:17", "in a way of its own"),
    BadInput("Mamba beside attention", "\"llama\"", "\"phi4flash\"", "2:17", "recurrent"),
    BadInput("foreign layers", "\"llama\"", "\"cohere\"", "2:17", "stand side by side"),
    BadInput(
      "linear biases", "\"rope_theta\"", "\"alibi\": true, \"rope_theta\"", "12:12", "(ALiBi)"),
    BadInput(
      "KV heads by layer", "\"rope_theta\"",
      "\"num_key_value_heads_per_layer\": [2, 1], \"rope_theta\"", "12:36", "KV heads differ"),
    BadInput(
      "too long a stretch", "\"rope_theta\"",
      "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 1e5}, \"rope_theta\"", "12:48",
      "`1e5` times 2048 is out of range"),
    BadInput(
      "no number", "\"vocab_size\": 1000", "\"vocab_size\": NaN", "9:17", "`NaN` is not accepted"),
    BadInput("type missing", "  \"model_type\": \"llama\",\n", "", "1:1", "model_type: missing"),
    BadInput("type is a number", "\"llama\"", "3", "2:17", "`3` is not accepted", "in quotes"),
    BadInput("KV heads do not divide", "heads\": 2", "heads\": 3", "7:26", "3 does not divide"),
    BadInput("odd heads", "dim\": 16", "dim\": 17", "8:15", "17 is odd"),
    BadInput("tie is text", "true", "\"yes\"", "11:26", "true or false"),
    BadInput("key twice", "\"rope_theta\"", "\"head_dim\"", "12:3", "head_dim: stands twice"),
    BadInput("no JSON", "\"hidden_size\": 64,", "\"hidden_size\": 64", "4:3", "`,` or `}`"),
    BadInput("a comment", "true", "true // tied", "11:31", "`,` or `}` is wanted"),
    BadInput("a bare word", "true", "yes", "11:26", "a value is wanted here"),
    BadInput("a leading zero", "size\": 64", "size\": 064", "3:18", "a value is wanted here"),
    BadInput("a comma too many", "10000.0", "10000.0,", "13:1", "a key in quotes"),
    BadInput("no end", "\n}", "", "13:1", "`,` or `}`"),
    BadInput("two values", "\n}", "\n}\n{}", "14:1", "the value ends before this"),
    BadInput("open text", "\"llama\"", "\"llama", "2:24", "does not end on its line"),
    BadInput("bad escape", "\"llama\"", "\"ll\\ama\"", "2:20", "after `\\` one of"),
    BadInput("lone surrogate", "\"llama\"", "\"\\ud800\"", "2:18", "four hexadecimal digits"),
    BadInput(
      "nesting", "10000.0", String(repeating: "[", count: 33), "12:48", "deeper than 32"),
    BadInput("a list", Fixture.model, "[]", "1:1", "a list is not accepted"),
    BadInput("an empty file", Fixture.model, "", "1:1", "the file is empty"),
    BadInput("blanks only", Fixture.model, " \n\n", "1:1", "the file is empty"),
  ]

  @Test("a hidden size that heads do not divide is refused where head_dim is absent")
  func headSize() throws {
    let text = Fixture.model.replacingOccurrences(of: "  \"head_dim\": 16,\n", with: "")
      .replacingOccurrences(of: "\"hidden_size\": 64", with: "\"hidden_size\": 66")
    let errors = try Fixture.errors("model.json", text)
    #expect(errors.count == 1)
    #expect(errors[0].hasPrefix("model.json:3:18: error: hidden_size: without `head_dim`"))
  }

  @Test(
    "models that people know and that are not covered have a reason, and no suggestion",
    arguments: [
      "qwen", "phixtral", "cohere2", "olmo3", "glm4", "gpt_neox", "starcoder2", "stablelm",
      "deepseek", "deepseek_v2", "bitnet", "nemotron-nas", "smollm3", "ministral",
    ])
  func reasons(type: String) throws {
    let errors = try Fixture.errors(
      "model.json", Fixture.model.replacing("\"llama\"", with: "\"\(type)\""))
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].contains("`\(type)` is not covered: "), "\(errors[0])")
    #expect(!errors[0].contains("did you mean"), "\(errors[0])")
  }

  @Test("what Python writes for numbers that JSON lacks passes where nobody reads it")
  func notANumber() throws {
    let text = Fixture.model.replacing("10000.0", with: "[NaN, Infinity, -Infinity]")
    #expect(try Fixture.errors("model.json", text).isEmpty)
  }

  @Test("tabs and escapes that JSON allows are read")
  func escapes() throws {
    let text = Fixture.model.replacingOccurrences(of: "  \"", with: "\t\"")
      .replacingOccurrences(
        of: "\"rope_theta\"", with: #""_name_or_path": "\u0041\/\ud83d\ude00\"", "rope_theta""#)
    let model = try ModelFile.parse(SourceFile(path: "m.json", bytes: Array(text.utf8)))
    #expect(model.architecture.name == "😀\"")
  }

  @Test("absent head sizes, KV heads and ties have Hugging Face's defaults")
  func defaults() throws {
    let text = """
      {"model_type": "mistral", "hidden_size": 64, "intermediate_size": 128, "vocab_size": 9,
       "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 2048,
       "num_key_value_heads": null, "sliding_window": null}
      """
    let file = SourceFile(path: "models/Small-1/config.json", bytes: Array(text.utf8))
    let model = try ModelFile.parse(file)
    #expect(model.architecture.heads.kvHeads == 4)
    #expect(model.architecture.heads.headDim == 16)
    #expect(!model.architecture.tiesEmbeddings)
    #expect(model.architecture.name == "Small-1")
    #expect(model.text == text)
  }

  @Test(
    "a name comes from the file, the folder or the config",
    arguments: [
      ("a/Qwen3-8B/config.json", "Qwen3-8B"), ("a/qwen3-0.6b.json", "qwen3-0.6b"),
      ("config.json", "config"), ("model", "model"),
    ])
  func names(path: String, name: String) throws {
    #expect(ModelFile.name(ofPath: path) == name)
    let text = Fixture.model.replacingOccurrences(
      of: "\"rope_theta\"", with: "\"_name_or_path\": \"org/Named\", \"rope_theta\"")
    let named = try ModelFile.parse(SourceFile(path: path, bytes: Array(text.utf8)))
    #expect(named.architecture.name == "Named")
  }
}

// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that who builds kvsim does not build the benchmark library. That library
// looks for its targets in a folder named Benchmarks.
let package = Package(
  name: "kvsim-benchmarks",
  dependencies: [
    .package(name: "kvsim", path: "../.."),
    .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
  ],
  targets: [
    .executableTarget(
      name: "ServingBenchmarks",
      dependencies: [
        .product(name: "Benchmark", package: "benchmark"),
        .product(name: "KVSimKit", package: "kvsim"),
      ],
      path: "Benchmarks/ServingBenchmarks",
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
  ],
  swiftLanguageModes: [.v6]
)

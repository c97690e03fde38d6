// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let strictC: [CSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
  name: "kvsim",
  products: [
    .executable(name: "kvsim", targets: ["kvsim"]),
    .library(
      name: "KVSimKit",
      targets: [
        "Operators", "Kernels", "KernelStudies", "CostModel", "Calibration", "Simulator",
        "Scenario", "Trace", "Planning", "Report",
      ]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
  ],
  targets: [
    // The vocabulary that kernels and cost model share: formats, pages, operator shapes.
    .target(name: "Operators", swiftSettings: strict),

    // Measuring.
    .target(name: "CAttention", cSettings: strictC),
    .target(name: "CVulkan", exclude: ["Shaders"], cSettings: strictC),
    .target(
      name: "Kernels", dependencies: ["Operators", "CAttention", "CVulkan"],
      swiftSettings: strict),
    // Whether the kernels are right, how fast they are, and what a format does to K and V.
    .target(
      name: "KernelStudies", dependencies: ["Operators", "Kernels"], swiftSettings: strict),
    .target(name: "CostModel", dependencies: ["Operators"], swiftSettings: strict),
    .target(
      name: "Calibration", dependencies: ["Operators", "Kernels", "CostModel"],
      swiftSettings: strict),

    // Playing requests against pools and schedulers.
    .target(
      name: "Simulator",
      dependencies: [
        "Operators", "CostModel",
        .product(name: "DequeModule", package: "swift-collections"),
      ],
      swiftSettings: strict),
    .target(
      name: "Scenario",
      dependencies: [
        "Operators", "Simulator", "CostModel", .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strict),

    // Keeping and showing what happened.
    // No pkgConfig: Debian's header and library lie where compilers look, and SwiftPM would warn
    // wherever pkg-config itself is missing.
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .target(
      name: "Trace", dependencies: ["CostModel", "Simulator", "CSQLite"],
      resources: [.embedInCode("Queries")], swiftSettings: strict),
    .target(
      name: "Planning",
      dependencies: ["Operators", "CostModel", "Simulator", "Scenario", "Trace"],
      swiftSettings: strict),
    .target(
      name: "Report",
      dependencies: [
        "Operators", "KernelStudies", "CostModel", "Simulator", "Scenario", "Trace", "Planning",
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "kvsim",
      dependencies: [
        "Operators", "Kernels", "KernelStudies", "CostModel", "Calibration", "Simulator",
        "Scenario", "Trace", "Planning", "Report",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    .target(
      name: "TestSupport", dependencies: ["Kernels"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .testTarget(name: "OperatorsTests", dependencies: ["Operators"], swiftSettings: strict),
    .target(
      name: "FaultyVulkan", dependencies: ["CVulkan"], path: "Tests/FaultyVulkan",
      cSettings: strictC),
    .testTarget(
      name: "KernelsTests",
      dependencies: [
        "Operators", "Kernels", "KernelStudies", "CAttention", "CVulkan", "FaultyVulkan",
        "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "KernelStudiesTests",
      dependencies: ["Operators", "Kernels", "KernelStudies", "Report", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "CostModelTests", dependencies: ["Operators", "CostModel", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "CalibrationTests",
      dependencies: ["Operators", "Kernels", "CostModel", "Calibration"],
      swiftSettings: strict),
    .testTarget(
      name: "SimulatorTests",
      dependencies: ["Operators", "CostModel", "Simulator", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "ScenarioTests",
      dependencies: ["Operators", "CostModel", "Simulator", "Scenario", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "TraceTests", dependencies: ["Simulator", "Trace", "CSQLite"],
      swiftSettings: strict),
    .testTarget(
      name: "PlanningTests", dependencies: ["Planning", "Scenario", "Simulator", "Trace"],
      swiftSettings: strict),
    .testTarget(
      name: "ReportTests",
      dependencies: ["Report", "Planning", "Trace", "CostModel", "Operators", "TestSupport"],
      swiftSettings: strict),
    // What the whole house keeps to: imports, style, shipped scenarios, the command line.
    .testTarget(
      name: "HouseTests", dependencies: ["kvsim"], exclude: ["Expected"], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)

// Which elements of cooperative matrices a lane holds.

extension VulkanContext {
  /// Finds out whether lanes hold those elements of matrices that shaders fill them with. Vulkan
  /// leaves it to the device.
  func learnFragments() throws(DeviceError) {
    guard features.matrix_16x8x16, features.subgroup_size == 32 else { return }
    fragmentsAreKnown = VulkanContext.areExpected(try findFragments())
  }

  /// Whether the elements of all lanes, 16 each, are those that shaders count on.
  static func areExpected(_ found: [Float]) -> Bool {
    found == (0..<32).flatMap(fragments(ofLane:)).map(Float.init)
  }

  private struct FragmentsPush {
    var halves, floats, found: UInt64
  }

  private func findFragments() throws(DeviceError) -> [Float] {
    let work = VulkanWork("asking for fragments of matrices")
    let numbers = (0..<256).map { Float($0) }
    let floats = try memory(of: numbers, for: work)
    let halves = try memory(of: numbers.map { Float16($0).bitPattern }, for: work)
    let found = try memory(byteCount: 32 * 16 * 4, isHostVisible: true, for: work)
    let pipeline = try pipeline(.fragments, [], for: work)
    try run(work) { (recorder) throws(DeviceError) in
      recorder.dispatch(
        pipeline,
        FragmentsPush(
          halves: halves.address, floats: floats.address, found: found.address), 1)
    }
    var elements = [Float](repeating: 0, count: 32 * 16)
    found.read(into: &elements, count: elements.count)
    return elements
  }

  /// The elements, by row and column, that shaders take lane `lane` to hold: eight of a left matrix
  /// of 16 x 16, four of a right one of 16 x 8, and four of a result of 16 x 8.
  private static func fragments(ofLane lane: Int) -> [Int] {
    let (g, t) = (lane / 4, lane % 4)
    let depths = [2 * t, 2 * t + 1, 2 * t + 8, 2 * t + 9]
    var elements: [Int] = []
    for row in [g, g + 8] { elements += depths.map { row * 16 + $0 } }
    elements += depths.map { $0 * 8 + g }
    for row in [g, g + 8] { elements += [row * 8 + 2 * t, row * 8 + 2 * t + 1] }
    return elements
  }
}

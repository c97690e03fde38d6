import CostModel
import Scenario

extension Profile {
  /// What was measured, with which kernels and when, for the line above a table.
  var heading: String {
    [device.name, device.workers, origin].map(Escaping.escaped).joined(separator: ", ")
  }
}

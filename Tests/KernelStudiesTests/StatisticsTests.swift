import KernelStudies
import Testing

@Suite struct StatisticsTests {
  @Test func theErrorIsRelativeToThePowerOfWhatWasExpected() {
    let error = Statistics.normalisedMeanSquaredError([3.5, 4], [3.0, 4])
    #expect(error == 0.25 / 25)
    #expect(Statistics.normalisedMeanSquaredError([0.5], [0.0]) == 0.25)
    #expect(Statistics.normalisedMeanSquaredError([Float.nan, 1], [0.0, 1]).isNaN)
  }
}

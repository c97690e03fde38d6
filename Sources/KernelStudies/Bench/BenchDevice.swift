import Kernels
import Operators

/// What a benchmark asks of any device; tests put a made-up one in its place.
public protocol BenchDevice: AnyObject {
  /// What the device is.
  var facts: DeviceFacts { get }
  /// See `KernelBackend.time(_:blockSize:repeats:)`.
  func time(
    _ shape: OperatorShape, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> [Int64]
  /// Bytes per second of a plain read beyond the last-level cache.
  func measureReadBandwidth(repeats: Int) throws(DeviceError) -> Double
}

/// What it asks of a CPU besides.
public protocol CPUBenchDevice: BenchDevice {
  /// Floating-point operations per second of fused multiply-adds.
  func measureFMAPeak(repeats: Int) throws(DeviceError) -> Double
  /// Nanoseconds per row of append from cache on one thread.
  func timeAppendFromCache(
    headDim: Int, format: KVFormat, repeats: Int
  ) throws(DeviceError) -> [Double]
  /// Bytes per second of a plain read of whole pages, in the order of a block table.
  func measurePageRead(
    heads: HeadGeometry, format: KVFormat, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> Double
  /// Bytes of KV per second of decode attention whose pages are in cache, a sample each.
  func decodeRateFromCache(
    heads: HeadGeometry, format: KVFormat, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> [Double]
  /// Drives what earlier calls read out of the last-level cache.
  func clearCache() throws(DeviceError)
}

/// What it asks of a graphics processor besides.
public protocol GPUBenchDevice: BenchDevice {
  /// Bytes per second of one call that does nothing but read so many bytes.
  func measureRead(ofBytes byteCount: Int, repeats: Int) throws(DeviceError) -> Double
}

extension CPUBackend: CPUBenchDevice {}
extension VulkanBackend: GPUBenchDevice {}

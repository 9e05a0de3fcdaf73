internal import HTTPTypes
internal import SegCore
internal import SegData
internal import SegImaging

extension CaseChannels {
    /// Reads the scans of an upload as the channels of one image.
    ///
    /// Messages call the channels by their numbers, from 0: a path would reveal the server's folders, and a client's file name
    /// may identify a patient.
    /// - Parameter note: Called with the number of a channel that is on another grid than the first, and a sentence.
    /// - Throws: `Refusal` naming the channel that cannot be read or does not overlap the first; `DataError` if a single scan
    ///   cannot be read.
    static func read(
        _ paths: [String], limits: ScanLimits = ScanLimits(), note: (_ channel: Int, String) -> Void = { _, _ in }
    ) throws -> (image: ScanImage, geometries: [ScanGeometry]) {
        let read = try paths.enumerated().map { channel, path in
            do throws(DataError) {
                return try ScanFile.readVolume(path, limits: limits)
            } catch {
                // If there is only one scan, the error need not give its number.
                throw paths.count == 1 ? error : refusal(channel, error)
            }
        }
        let names = paths.indices.map { "channel \($0)" }
        do throws(DataError) {
            let image = try ScanImage(read.map(\.volume), names: names) { name, sentence in
                names.firstIndex(of: name).map { note($0, sentence) }
            }
            return (image, read.map(\.geometry))
        } catch {
            throw refusal(names.firstIndex(of: error.subject) ?? 0, error)
        }
    }

    private static func refusal(_ channel: Int, _ error: DataError) -> any Error {
        Refusal(.badRequest, "channel \(channel) cannot be used: \(error.message)")
    }
}

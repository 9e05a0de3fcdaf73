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

    /// Orders the files of a form as `medseg predict` orders the scans of a case: by their numbers `_0000`, `_0001`, … if all
    /// have one, else as they were sent.
    /// - Parameter names: The client's names for the files; nil for a file without one.
    /// - Returns: The index of each channel's file.
    /// - Throws: `Refusal` if the numbers are those of several cases; it has no name of a file, which may identify a patient.
    static func order(named names: [String?]) throws -> [Int] {
        // `group` looks for 4-D files, which an upload does not have. No path below a device exists, whatever the name.
        let paths = names.map { name in "/dev/null/" + (name?.split(separator: "/").last.map(String.init) ?? "") }
        guard let ordered = try? group(paths, by: paths.count).first?.files else {
            throw Refusal(
                .badRequest,
                "the files of the form are named as scans of several cases, or as one channel twice; send the scans of one "
                    + "case, named CASE_0000, CASE_0001 and so on, or without such numbers in the order of the model's channels"
            )
        }
        // Only files with different numbers change places.
        return ordered == paths ? Array(paths.indices) : ordered.compactMap { paths.firstIndex(of: $0) }
    }

    private static func refusal(_ channel: Int, _ error: DataError) -> any Error {
        Refusal(.badRequest, "channel \(channel) cannot be used: \(error.message)")
    }
}

/// The part of a file that the header `Range` requests; RFC 9110, 14.
package enum ByteRange: Equatable {
    case bytes(ClosedRange<Int>)
    /// The range is outside of the file.
    case outside

    /// Parses `bytes=0-99`, `bytes=100-` or `bytes=-100`; nil for other forms, which a server may ignore.
    package init?(_ text: String, of size: Int) {
        guard text.hasPrefix("bytes=") else { return nil }
        let ends = text.dropFirst("bytes=".count).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, ends.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else {
            return nil
        }
        // A number that is too large for Int is beyond the end of every file.
        let (first, last) = (ends[0].isEmpty ? nil : Int(ends[0]) ?? .max, ends[1].isEmpty ? nil : Int(ends[1]) ?? .max)
        switch (first, last) {
        case (nil, nil): return nil
        case (nil, let count?): self = count > 0 && size > 0 ? .bytes(max(0, size - count)...size - 1) : .outside
        case (let first?, let last):
            if let last, last < first { return nil }
            self = first < size ? .bytes(first...min(last ?? .max, size - 1)) : .outside
        }
    }
}

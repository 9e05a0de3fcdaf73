internal import SegCore

extension Ranks {
    /// The bytes of every rank, in the order of the ranks. The lengths may differ. Rank 0 collects and distributes the
    /// bytes.
    public func gather(_ own: [UInt8]) throws(RankError) -> [[UInt8]] {
        guard count > 1 else { return [own] }
        guard isFirst else {
            try send(own, to: [0])
            return try Self.parted(receive(from: 0))
        }
        var all = [own]
        for peer in 1..<count { all.append(try receive(from: peer)) }
        try send(Self.joined(all), to: Array(1..<count))
        return all
    }

    /// The values of every rank, in the order of the ranks.
    public func gather<Value: BitwiseCopyable>(_ own: [Value]) throws(RankError) -> [[Value]] {
        let bytes = own.withUnsafeBytes { [UInt8]($0) }
        return try gather(bytes).map { part in
            [Value](unsafeUninitializedCapacity: part.count / MemoryLayout<Value>.stride) { values, count in
                count = part.count / MemoryLayout<Value>.stride
                UnsafeMutableRawBufferPointer(values).copyBytes(from: part.prefix(count * MemoryLayout<Value>.stride))
            }
        }
    }

    /// Waits until every rank calls this.
    public func barrier() throws(RankError) { _ = try gather([UInt8]()) }

    /// Checks that values are the same on every rank.
    /// - Parameter values: The values to compare, with their names for the error.
    /// - Throws: `RankError`, the same on every rank, naming the first value and rank that differ.
    public func requireSame(_ values: [(name: String, value: String)]) throws(RankError) {
        let all = try gather(Array(values.map(\.value).joined(separator: "\0").utf8)).map { part in
            String(decoding: part, as: UTF8.self).split(separator: "\0", omittingEmptySubsequences: false)
        }
        for (rank, theirs) in all.enumerated() where theirs != all[0] {
            let index = values.indices.first { !theirs.indices.contains($0) || theirs[$0] != all[0][$0] } ?? 0
            let found = theirs.indices.contains(index) ? theirs[index] : "none"
            throw RankError(
                .badData, isShared: true,
                "the ranks do not have the same \(values[index].name): rank 0 has \(all[0][index]), rank \(rank) has \(found); "
                    + "start the same program on the same files everywhere")
        }
    }

    /// Sends bytes after a message of eight bytes with their length.
    private func send(_ bytes: [UInt8], to peers: [Int]) throws(RankError) {
        var (length, bytes) = ([UInt64(bytes.count)], bytes)
        try withBytes(&length) { length throws(RankError) in
            try exchange(sends: peers.map { Message(peer: $0, bytes: length) }, receives: [])
        }
        try withBytes(&bytes) { bytes throws(RankError) in
            try exchange(sends: peers.map { Message(peer: $0, bytes: bytes) }, receives: [])
        }
    }

    private func receive(from peer: Int) throws(RankError) -> [UInt8] {
        var length: [UInt64] = [0]
        try withBytes(&length) { length throws(RankError) in
            try exchange(sends: [], receives: [Message(peer: peer, bytes: length)])
        }
        var bytes = [UInt8](repeating: 0, count: Int(length[0]))
        try withBytes(&bytes) { bytes throws(RankError) in
            try exchange(sends: [], receives: [Message(peer: peer, bytes: bytes)])
        }
        return bytes
    }

    /// Several byte arrays as one, each preceded by its length.
    private static func joined(_ parts: [[UInt8]]) -> [UInt8] {
        parts.flatMap { part in withUnsafeBytes(of: UInt64(part.count)) { [UInt8]($0) } + part }
    }

    private static func parted(_ bytes: [UInt8]) -> [[UInt8]] {
        var (parts, rest): ([[UInt8]], ArraySlice<UInt8>) = ([], bytes[...])
        while !rest.isEmpty {
            let length = rest.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
            parts.append(Array(rest.dropFirst(8).prefix(length)))
            rest = rest.dropFirst(8 + length)
        }
        return parts
    }
}

/// Gives access to the memory of an array while it is sent or received.
func withBytes<Element, Result>(
    _ array: inout [Element], _ body: (UnsafeMutableRawBufferPointer) throws(RankError) -> Result
) throws(RankError) -> Result {
    try array.withUnsafeMutableBufferPointer { buffer throws(RankError) in
        try body(UnsafeMutableRawBufferPointer(buffer))
    }
}

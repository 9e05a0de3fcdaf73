/// A sample of the foreground intensities of one channel of one case; every case has the same number of draws.
package struct ForegroundDraws {
    /// The intensities that are drawn from, or the draws themselves if these are fewer.
    fileprivate let pool: [Float]
    /// The generator before the first draw; nil if the pool holds the draws.
    fileprivate let generator: NumPyRandomState?

    /// Draws with replacement; `RandomState.choice`.
    /// - Parameters:
    ///   - foreground: Intensities of the foreground, in nnU-Net's order of voxels.
    ///   - count: The number of draws.
    ///   - generator: The case's generator.
    ///   - isLast: Whether no later channel uses the generator.
    private init(from foreground: [Float], count: Int, _ generator: inout NumPyRandomState, isLast: Bool) {
        guard foreground.count > count else {
            (pool, self.generator) = (foreground, generator)
            if isLast { return }
            for _ in 0..<(foreground.isEmpty ? 0 : count) { _ = generator.randint(foreground.count) }
            return
        }
        // Of a large case only the draws stay in memory.
        pool = (0..<count).map { _ in foreground[generator.randint(foreground.count)] }
        self.generator = nil
    }

    /// The seed of every case; nnU-Net's.
    private static let seed: UInt32 = 1234

    /// Draws from each channel of a case, with one generator for all channels.
    /// - Parameters:
    ///   - channels: The intensities of each channel, in nnU-Net's order of voxels.
    ///   - labels: A number for each voxel; those above 0 are foreground.
    ///   - count: The number of draws from each channel.
    package static func ofCase(_ channels: [[Float]], labels: [Float], count: Int) -> [ForegroundDraws] {
        var generator = NumPyRandomState(seed: seed)
        return channels.enumerated().map { channel, voxels in
            let inside = zip(voxels, labels).lazy.filter { $0.1 > 0 }.map(\.0)
            return ForegroundDraws(from: Array(inside), count: count, &generator, isLast: channel == channels.count - 1)
        }
    }

    /// Whether the case has no foreground.
    var isEmpty: Bool { pool.isEmpty }
}

/// The draws of all cases, one case after the other.
struct ForegroundStream {
    private let cases: [ForegroundDraws]
    /// The number of draws of each case.
    private let count: Int
    private var place = -1
    private var made: Int
    private var pool: [Float] = []
    private var generator: NumPyRandomState?

    /// Creates a stream that begins with the first draw of the first case that has foreground.
    init(_ cases: [ForegroundDraws], count: Int) {
        self.cases = cases.filter { !$0.isEmpty }
        self.count = count
        made = count
    }

    /// The number of draws of all cases.
    var total: Int { cases.count * count }

    /// The next draw; there must be one.
    mutating func next() -> Float {
        if made == count {
            place += 1
            (pool, generator, made) = (cases[place].pool, cases[place].generator, 0)
        }
        made += 1
        return pool[generator?.randint(pool.count) ?? made - 1]
    }
}

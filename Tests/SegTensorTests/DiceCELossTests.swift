import SegBackend
import SegReference
import SegTensor
import Testing

/// Ignored voxels and overlapping regions of the Dice and cross-entropy loss, in Double.
@Suite struct DiceCELossTests {
    private let backend = ReferenceBackend()

    /// Multiples of 1/8 from −1.5 to 1.5.
    private func logits(_ count: Int) -> [Double] { (0..<count).map { Double(7 * $0 % 25 - 12) / 8 } }

    private func value(
        _ logits: [Double], _ labels: [Int32], channels: Int, _ params: DiceCEParams
    ) throws -> (loss: Double, gradient: [Double]) {
        let x = try Tensor(logits, shape: [1, labels.count, 1, 1, channels], on: backend).tracked()
        let loss = try diceCELoss(
            x, labels: Tensor(labels: labels, shape: [1, labels.count, 1, 1], on: backend), params)
        return (try loss.item(), try #require(try loss.gradients(upstream: nil)[x]).doubles())
    }

    private static let options: [DiceCEParams] = {
        let ratios = [DiceCEParams.Ratio.dice, .jaccard, .tversky(alpha: 0.25, beta: 0.75)]
        return ratios.flatMap { ratio in
            [DiceCEParams.Targets.classes, .regions].flatMap { targets in
                [DiceCEParams.Reduction.mean, .sum].map { reduction in
                    var params = DiceCEParams()
                    (params.ratio, params.targets, params.reduction) = (ratio, targets, reduction)
                    (params.probabilities, params.lambdaCE) = (.sigmoid, 0.75)
                    return params
                }
            }
        }
    }()

    @Test(arguments: options, [1, 3])
    func ignoredVoxelsAreAsIfTheyWereNotThere(_ params: DiceCEParams, _ channels: Int) throws {
        let most: Int32 = params.targets == .regions ? 1 << channels : channels == 1 ? 2 : 3
        let labels: [Int32] = (0..<12).map { (voxel: Int32) -> Int32 in
            voxel % 3 == 1 ? -1 - voxel : 5 * voxel % most
        }
        var all = logits(labels.count * channels)
        let taking = labels.indices.filter { labels[$0] >= 0 }
        let rest = taking.flatMap { all[$0 * channels..<($0 + 1) * channels] }
        // The network's output at ignored voxels has no effect.
        for row in labels.indices where labels[row] < 0 { all[row * channels] = .nan }

        let whole = try value(all, labels, channels: channels, params)
        let part = try value(rest, taking.map { labels[$0] }, channels: channels, params)
        #expect(whole.loss == part.loss && whole.loss > 0.1)
        for row in labels.indices {
            let gradient = Array(whole.gradient[row * channels..<(row + 1) * channels])
            let index = taking.firstIndex(of: row)
            let expected =
                index.map { Array(part.gradient[$0 * channels..<($0 + 1) * channels]) }
                ?? [Double](repeating: 0, count: channels)
            #expect(gradient == expected, "voxel \(row)")
        }
    }

    @Test(arguments: options, [1, 3])
    func nothingIsLearntWhereAllVoxelsAreIgnored(_ params: DiceCEParams, _ channels: Int) throws {
        let result = try value(logits(4 * channels), [-1, -1, -2, .min], channels: channels, params)
        // The Dice term of empty sums is 1 − smoothNr / smoothDr.
        #expect(result.loss == 0)
        #expect(result.gradient == [Double](repeating: 0, count: 4 * channels))
    }

    @Test func regionsHaveABinaryLossForEachChannel() throws {
        // The factors of means are Floats, and 1 / 32 is exact.
        let (channels, labels): (Int, [Int32]) = (4, [0, 15, 5, 2, 9, 6, 12, 3])
        var params = DiceCEParams()
        (params.targets, params.probabilities) = (.regions, .sigmoid)
        (params.lambdaDice, params.lambdaCE) = (1.25, 0.75)
        (params.smoothNr, params.smoothDr) = (0x1p-16, 0x1p-15)
        let start = logits(labels.count * channels)
        let result = try value(start, labels, channels: channels, params)

        let masks = labels.flatMap { label in (0..<channels).map { Double(label >> $0 & 1) } }
        let x = try Tensor(start, shape: [labels.count, channels], on: backend).tracked()
        let g = try Tensor(masks, shape: x.shape, on: backend)
        let p = try activate(x, .sigmoid, slope: nil)
        let sizes = try sum(p, over: [0]) + sum(g, over: [0])
        let dice = try mean(1 - (2 * sum(p * g, over: [0]) + 0x1p-16) / (sizes + 0x1p-15))
        let entropy = try mean(-1 * (g * log(p) + (1 - g) * log(1 - p)))
        let composed = try 1.25 * dice + 0.75 * entropy
        let gradient = try #require(try composed.gradients(upstream: nil)[x]).doubles()
        #expect(try abs(composed.item() - result.loss) < 1e-14)
        for (own, other) in zip(result.gradient, gradient) { #expect(abs(own - other) < 1e-14) }
    }

    @Test func oneRegionIsOneClass() throws {
        var params = DiceCEParams()
        (params.probabilities, params.lambdaCE) = (.sigmoid, 1)
        let labels: [Int32] = [0, 1, -1, 1, 1, 0]
        let asClass = try value(logits(6), labels, channels: 1, params)
        params.targets = .regions
        let asRegion = try value(logits(6), labels, channels: 1, params)
        #expect(asClass.loss == asRegion.loss && asClass.gradient == asRegion.gradient)
    }

    @Test func whatRegionsCannotHaveIsRefusedByName() throws {
        var regions = DiceCEParams()
        (regions.targets, regions.probabilities) = (.regions, .sigmoid)
        func message(_ channels: Int, _ change: (inout DiceCEParams) -> Void) -> String {
            var params = regions
            change(&params)
            do {
                _ = try value(logits(channels), [0], channels: channels, params)
                return "taken"
            } catch {
                return "\(error)"
            }
        }
        #expect(message(31) { _ in } == "taken")
        #expect(message(32) { _ in }.contains("32 channels, but a label has bits for only 31 regions"))
        #expect(message(2) { $0.probabilities = .softmax }.contains("softmax"))
        #expect(message(2) { $0.includeBackground = false }.contains("background"))
        #expect(message(2) { $0.classWeights = [1, 2] } == "taken")
        #expect(message(2) { ($0.classWeights, $0.lambdaCE) = ([1, 2], 1) }.contains("does not support class weights"))
    }
}

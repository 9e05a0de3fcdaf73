import CSegCPU
internal import SegBackend

extension DropoutParams {
    /// The parameters as the kernels' C type.
    var rule: segcpu_dropout_rule {
        segcpu_dropout_rule(threshold: threshold, scale: scale, seed: seed, layer: layer, pass: pass)
    }
}

extension Activation {
    /// The activation's parameter for each channel, as the kernels' slope; nil if the activation has no parameter.
    func slope(_ slopes: BufferView?) -> ((Int) -> Float)? {
        if self == .prelu {
            guard let slopes else { return { _ in 0 } }
            let (base, count) = (slopes.floats, slopes.count)
            return { base[count == 1 ? 0 : $0] }
        }
        return entry.parameter.map { parameter in { _ in parameter.value } }
    }
}

/// The parameters of a fused normalisation as the kernels read them: repeated to the partition's period.
///
/// The order of the tables is mean, 1/√(variance + ε), weight, bias, keep for each sample, and then the slopes.
final class EpilogueTables {
    private let partition: RowPartition
    private let memory: Scratch<Float>
    private let rule: Scratch<segcpu_dropout_rule>
    private let hasNorm: Bool
    private let hasSlope: Bool
    private let dropout: DropoutParams?
    private let kind: Int32

    /// Creates the tables for dropout and activation; `setNorm` adds a normalisation.
    init(
        _ backend: CPUBackend, _ partition: RowPartition, dropout: DropoutParams?, activation: Activation,
        slope: BufferView?, hasNorm: Bool
    ) throws {
        self.partition = partition
        self.dropout = dropout
        self.hasNorm = hasNorm
        kind = Int32(activation.entry.number)
        memory = try backend.scratch(Float.self, (5 * partition.samples + 1) * partition.period)
        rule = try backend.scratch(segcpu_dropout_rule.self, 1)
        let slopes = activation.slope(slope)
        hasSlope = slopes != nil
        if let slopes { partition.expand(into: slopeTable, slopes) }
        guard let dropout else { return }
        rule.base.pointee = dropout.rule
        guard dropout.channelwise else { return }
        let multipliers = try backend.scratch(Float.self, partition.samples * partition.channels)
        defer { multipliers.done() }
        kernels.dropout_multipliers(rule.base, 0, multipliers.base, partition.samples * partition.channels)
        for sample in 0..<partition.samples {
            partition.expand(into: table(4, sample)) { multipliers.base[sample * partition.channels + $0] }
        }
    }

    deinit {
        memory.done()
        rule.done()
    }

    private func table(_ number: Int, _ sample: Int) -> UnsafeMutablePointer<Float> {
        memory.base + (5 * sample + number) * partition.period
    }

    private var slopeTable: UnsafeMutablePointer<Float> { memory.base + 5 * partition.samples * partition.period }

    /// Sets the parameters of a sample's normalisation from numbers for each channel.
    func setNorm(
        sample: Int, mean: (Int) -> Float, reciprocalDeviation: (Int) -> Float, weight: BufferView?, bias: BufferView?
    ) {
        let (weights, biases) = (weight?.floats, bias?.floats)
        partition.expand(into: table(0, sample), mean)
        partition.expand(into: table(1, sample), reciprocalDeviation)
        partition.expand(into: table(2, sample)) { weights?[$0] ?? 1 }
        partition.expand(into: table(3, sample)) { biases?[$0] ?? 0 }
    }

    /// Sets weight and bias only, because layer normalisation has separate statistics for each row.
    func setAffine(weight: BufferView?, bias: BufferView?) {
        for sample in 0..<partition.samples {
            setNorm(sample: sample, mean: { _ in 0 }, reciprocalDeviation: { _ in 1 }, weight: weight, bias: bias)
        }
    }

    /// The argument of a kernel for a run of this sample.
    func norm(_ sample: Int) -> segcpu_norm {
        let channelwise = dropout?.channelwise == true
        return segcpu_norm(
            period: partition.period,
            mean: hasNorm ? UnsafePointer(table(0, sample)) : nil,
            rstd: hasNorm ? UnsafePointer(table(1, sample)) : nil,
            weight: hasNorm ? UnsafePointer(table(2, sample)) : nil,
            bias: hasNorm ? UnsafePointer(table(3, sample)) : nil,
            keep: channelwise ? UnsafePointer(table(4, sample)) : nil,
            slope: hasSlope ? UnsafePointer(slopeTable) : nil,
            activation: kind,
            dropout: dropout != nil && !channelwise ? UnsafePointer(rule.base) : nil)
    }
}

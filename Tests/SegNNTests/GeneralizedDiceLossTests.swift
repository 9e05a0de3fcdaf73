import SegBackend
import SegCPU
import SegNN
import SegReference
import SegTensor
import Testing

/// The values of MONAI 1.6.1 in float64 with `smooth_nr` 2⁻¹⁶ and `smooth_dr` 2⁻¹⁵: the loss, two elements of the
/// gradient with respect to the logits, and its norm. Except with a single class, each sample lacks a class or the
/// batch has few voxels of one.
struct GeneralizedDiceCase: Sendable, CustomTestStringConvertible {
    let channels: Int
    let probabilities: DiceCEParams.Probabilities
    let weighting: GeneralizedDiceLoss.Weighting
    let includeBackground: Bool
    let batch: Bool
    let reduction: DiceCEParams.Reduction
    let expected: [Double]

    var testDescription: String { "\(channels) classes, \(probabilities), \(weighting), \(reduction)" }

    static let all = [
        GeneralizedDiceCase(
            channels: 3, probabilities: .softmax, weighting: .square, includeBackground: true, batch: false,
            reduction: .mean,
            expected: [0.690884300617596, -0.0139548495971033, -0.0208205664702946, 0.0710889430374872]),
        GeneralizedDiceCase(
            channels: 3, probabilities: .softmax, weighting: .simple, includeBackground: false, batch: false,
            reduction: .sum,
            expected: [1.17503342118036, -0.00493429258420139, -0.0418868682639074, 0.136225867010955]),
        GeneralizedDiceCase(
            channels: 4, probabilities: .sigmoid, weighting: .square, includeBackground: true, batch: true,
            reduction: .mean,
            expected: [0.720490017120435, -0.00534696020020998, -0.0189561992716038, 0.0391989057823867]),
        GeneralizedDiceCase(
            channels: 4, probabilities: .identity, weighting: .uniform, includeBackground: false, batch: false,
            reduction: .mean, expected: [0.682239027450144, 0, -0.0570832628132954, 0.211815197706949]),
        GeneralizedDiceCase(
            channels: 2, probabilities: .softmax, weighting: .square, includeBackground: false, batch: true,
            reduction: .sum,
            expected: [0.519877507439698, -0.00398175460305624, -0.0149048711344718, 0.0609446688851077]),
        GeneralizedDiceCase(
            channels: 1, probabilities: .sigmoid, weighting: .square, includeBackground: true, batch: false,
            reduction: .mean,
            expected: [0.621583686738193, -0.0270365642952336, 0.00548951059955749, 0.0686436044467881]),
        GeneralizedDiceCase(
            channels: 5, probabilities: .softmax, weighting: .simple, includeBackground: true, batch: false,
            reduction: .mean,
            expected: [0.875472350912931, -0.00459422837417702, -0.0139975374351794, 0.0381070124676123]),
    ]

    var logits: [Double] {
        let steps = (0..<2 * 6 * channels).map { 7 * $0 % 13 }
        return steps.map { probabilities == .identity ? Double($0 + 1) / 16 : Double($0 - 6) / 4 }
    }

    var labels: [Int32] {
        (0..<12).map { i in
            if channels == 1 { return i % 3 == 0 ? 1 : 0 }
            return Int32(i < 6 ? i * i % channels : 1 + i % (channels - 1))
        }
    }
}

@Test(arguments: GeneralizedDiceCase.all, [true, false])
func theGeneralizedDiceLossIsMONAIs(_ item: GeneralizedDiceCase, isReference: Bool) throws {
    let backend: any Backend = isReference ? ReferenceBackend() : try CPUBackend(threads: 2)
    var loss = GeneralizedDiceLoss()
    (loss.probabilities, loss.weighting) = (item.probabilities, item.weighting)
    (loss.includeBackground, loss.batch, loss.reduction) = (item.includeBackground, item.batch, item.reduction)
    (loss.smoothNr, loss.smoothDr) = (0x1p-16, 0x1p-15)
    let logits = try Tensor(item.logits, shape: [2, 3, 1, 2, item.channels], on: backend).tracked()
    let labels = try Tensor(labels: item.labels, shape: [2, 3, 1, 2], on: backend)
    let value = try loss(logits, labels: labels)
    let gradient = try #require(try value.gradients(upstream: nil)[logits]).doubles()
    let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let results = [try value.item(), gradient[0], try #require(gradient.last), norm]
    for (result, expected) in zip(results, item.expected) {
        #expect(Swift.abs(result - expected) <= (isReference ? 1e-13 : 1e-6))
    }
}

@Test func theGeneralizedDiceLossNamesLabelsThatDoNotFit() throws {
    let backend = ReferenceBackend()
    let logits = try Tensor(repeating: 0, shape: [1, 2, 2, 2, 3], on: backend)
    let error = #expect(throws: TensorError.self) {
        try GeneralizedDiceLoss()(logits, labels: Tensor(labels: [0, 1], shape: [1, 2], on: backend))
    }
    #expect(error?.description == "GeneralizedDiceLoss: labels [1, 2] do not fit logits [1, 2, 2, 2, 3]")
}

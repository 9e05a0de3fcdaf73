import SegBackend
import SegCPU
import SegReference
import SegTensor
import Testing

private let backend = ReferenceBackend()
private let nan = Double.nan

private func tensor(_ values: [Double], _ shape: Shape? = nil) throws -> Tensor {
    try Tensor(values, shape: shape ?? [values.count], on: backend)
}

/// Whether two lists are equal, with NaN equal to NaN and infinities compared by sign.
private func areSame(_ a: [Double], _ b: [Double]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN || Swift.abs($0 - $1) < 1e-15 }
}

/// Gradients at points where functions are not smooth, as in PyTorch 2.13.
@Test func gradientsOfKinksArePyTorchs() throws {
    func check(
        _ function: (Tensor, Tensor) throws -> Tensor, _ a: [Double], _ b: [Double], _ y: [Double], _ ga: [Double],
        _ gb: [Double]
    ) throws {
        let (left, right) = (try tensor(a).tracked(), try tensor(b).tracked())
        let result = try function(left, right)
        let gradients = try result.gradients(upstream: Tensor(repeating: 1, shape: result.shape, on: backend))
        #expect(areSame(try result.doubles(), y))
        #expect(areSame(try #require(gradients[left]).doubles(), ga))
        #expect(areSame(try #require(gradients[right]).doubles(), gb))
    }
    let (a, b) = ([1, 2, nan, 3, 3], [1, 3, 0, nan, -1])
    try check(maximum, a, b, [1, 3, nan, nan, 3], [0.5, 0, 1, 1, 1], [0.5, 1, 1, 1, 0])
    try check(minimum, a, b, [1, 2, nan, nan, -1], [0.5, 1, 1, 1, 0], [0.5, 0, 1, 1, 1])
    let two = Double(2)
    try check(
        pow, [0, 0, 2, 2, -2, 0], [0, 2, 0, 3, 2, -1], [1, 0, 1, 8, 4, .infinity], [0, 0, 0, 12, -4, -.infinity],
        [0, 0, two.logarithm, 8 * two.logarithm, nan, -.infinity])
    func unary(_ function: (Tensor) throws -> Tensor, _ x: [Double], _ y: [Double], _ gx: [Double]) throws {
        try check({ a, b in try add(function(a), scale(b, by: 0)) }, x, x.map { _ in 0 }, y, gx, x.map { _ in 0 })
    }
    try unary(sqrt, [0, 4], [0, 2], [.infinity, 0.25])
    try unary(abs, [0, -3, nan], [0, 3, nan], [0, -1, 0])
    try unary(log, [0, 2], [-.infinity, two.logarithm], [.infinity, 0.5])
}

extension Double {
    /// The result is exactly ln 2.
    fileprivate var logarithm: Double { 0.693_147_180_559_945_3 }
}

/// `torch.amax`: equal maxima share the gradient, and a NaN is the largest.
@Test func theLargestSharesItsGradient() throws {
    let x = try tensor([1, 5, 1, 2, 0, nan], [3, 2]).tracked()
    let y = try max(x, over: [0])
    #expect(try y.shape == [2] && areSame(y.doubles(), [1, nan]))
    let gradient = try #require(y.gradients(upstream: tensor([1, 1]))[x]).doubles()
    #expect(areSame(gradient, [0.5, nan, 0.5, nan, 0, nan]))
}

@Test func reductionsTakeAnyAxes() throws {
    let x = try tensor((0..<24).map(Double.init), [2, 3, 4])
    #expect(try sum(x, over: [1]).doubles() == [12, 15, 18, 21, 48, 51, 54, 57])
    #expect(try sum(x, over: [0, 2], keepsAxes: true).shape == [1, 3, 1])
    #expect(try sum(x, over: [2, 0]).doubles() == [60, 92, 124])
    #expect(try mean(x, over: [-1]).doubles() == [1.5, 5.5, 9.5, 13.5, 17.5, 21.5])
    #expect(try max(x, over: [0, 1]).doubles() == [20, 21, 22, 23])
    #expect(try mean(x).doubles() == [11.5] && max(x).doubles() == [23] && sum(x).doubles() == [276])
    #expect(try sum(x, over: []).doubles() == x.doubles())
    for axes in [[3], [-4], [1, 1], [1, -2]] {
        let error = #expect(throws: TensorError.self) { try sum(x, over: axes) }
        #expect(error?.description == "sum: axes \(axes) should be different axes of [2, 3, 4]")
    }
}

@Test func operatorsAreTheFunctionsOfTheirNames() throws {
    let (a, b) = (try tensor([1, -2, 3, 4], [2, 2]), try tensor([2, 4], [2, 1]))
    let results: [([Double], [Double])] = [
        (try (a + b).doubles(), [3, 0, 7, 8]), (try (a - b).doubles(), [-1, -4, -1, 0]),
        (try (a * b).doubles(), [2, -4, 12, 16]), (try (a / b).doubles(), [0.5, -1, 0.75, 1]),
        (try (2 * a + 1).doubles(), [3, -3, 7, 9]), (try (1 - a).doubles(), [0, 3, -2, -3]),
        (try (8 / b).doubles(), [4, 2]), (try (-b / 2).doubles(), [-1, -2]), (try (b - 1).doubles(), [1, 3]),
        (try pow(a, 2).doubles(), [1, 4, 9, 16]), (try pow(b, 3).doubles(), [8, 64]),
    ]
    for (result, expected) in results { #expect(result == expected) }
}

@Test func choicesDoNotComputeWithWhatTheyLeaveOut() throws {
    let condition = try tensor([1, 0, 1, 0])
    let (a, b) = (try tensor([1, nan, .infinity, 4]), try tensor([nan, 2, nan, .infinity]))
    #expect(areSame(try select(condition, a, else: b).doubles(), [1, 2, .infinity, .infinity]))
    #expect(areSame(try masked(a, where: condition).doubles(), [1, 0, .infinity, 0]))
}

@Test func comparisonsWithNaNAreFalse() throws {
    let (a, b) = (try tensor([1, 2, nan, nan]), try tensor([1, 3, 0, nan]))
    #expect(try equal(a, b).doubles() == [1, 0, 0, 0] && less(a, b).doubles() == [0, 1, 0, 0])
    #expect(try lessOrEqual(a, b).doubles() == [1, 1, 0, 0] && greater(b, a).doubles() == [0, 1, 0, 0])
    #expect(try greaterOrEqual(a, b).doubles() == [1, 0, 0, 0])
}

@Test func labelsBecomeNumbers() throws {
    let labels = try Tensor(labels: [2, 0, 5, -1], shape: [2, 2], on: backend)
    #expect(try floats(of: labels).doubles() == [2, 0, 5, -1])
    let hot = try oneHot(labels, classes: 3)
    #expect(try hot.shape == [2, 2, 3] && hot.doubles() == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    let error = #expect(throws: TensorError.self) { try multiply(labels, tensor([1, 2])) }
    #expect(error?.description == "multiply: [2, 2] holds i32; convert labels with floats(of:) or oneHot")
    #expect(throws: TensorError.self) { try floats(of: tensor([1])) }
}

@Test(arguments: [([2, 3], [4]), ([2, 3], [3, 2]), ([2, 1, 3], [2, 2])] as [([Int], [Int])])
func shapesThatDoNotRepeatAreRefused(_ a: [Int], _ b: [Int]) throws {
    let (left, right) = (
        try Tensor(repeating: 1, shape: Shape(a), on: backend), try Tensor(repeating: 1, shape: Shape(b), on: backend)
    )
    let error = #expect(throws: TensorError.self) { try add(left, right) }
    #expect(
        error?.description
            == "add: \(Shape(a)) and \(Shape(b)) cannot be broadcast to one shape: from the last axis on, sizes must be equal, "
            + "or one of them 1")
}

/// A loss that was summed to one number can be used in further computations.
@Test func singleNumbersHaveGradients() throws {
    let cpu = try CPUBackend(threads: 2)
    let x = try Tensor([1, 2, 3] as [Float], shape: [3], on: cpu).tracked()
    // A graph is traversed only once.
    let negative = try mean(scale(sum(x, over: [0]), by: -1))
    #expect(try #require(negative.gradients(upstream: nil)[x]).floats() == [-1, -1, -1])
    let total = try sum(x, over: [0])
    let expected = 1 + 1 / Float(7)
    let gradient = try #require(add(total, log1p(total)).gradients(upstream: nil)[x]).floats()
    #expect(gradient.allSatisfy { Swift.abs($0 - expected) < 1e-6 } && gradient.count == 3)
}

/// Labels are converted to floats first: their bits are not floats.
@Test func labelsAreNotComputedWith() throws {
    let labels = try Tensor(labels: [3, 1], shape: [2], on: CPUBackend(threads: 1))
    #expect(throws: TensorError.self) { try scale(labels, by: 0.5) }
    #expect(throws: TensorError.self) { try add(labels, labels) }
}

import SegBackend
import SegOpCases
import SegReference
import Testing

/// Compares the reference's gradients with central differences, for every case that has a gradient.
@Suite struct GradientTests {
    /// The number of elements of each input that are changed.
    private let elements = 4

    @Test(arguments: OpCases.all)
    func agreesWithCentralDifferences(_ opCase: OpCase) throws {
        // Changing one of a hundred thousand elements is below the rounding of the sum over all of them.
        guard !["50x51x49", "37x41x43", "33x33x33", "33x31x33"].contains(where: opCase.name.contains) else { return }
        for gradient in try opCase.prepare(on: ReferenceBackend()).gradientErrors(elements: elements) {
            #expect(
                gradient.error.isWithin(.centralDifference),
                "\(gradient.output) is off by \(gradient.error.relative) (relative L2)")
        }
    }

    @Test func everyOpWithAGradientIsAmongThem() throws {
        let checked = try OpCases.all.filter {
            try $0.prepare(on: ReferenceBackend()).hasGradients
        }
        #expect(
            Set(checked.map(\.op)) == [
                "activate", "softmax", "attention", "conv3d", "convTranspose3d", "norm", "maxPool3d", "resample3d",
                "diceCELoss", "focalLoss",
            ])
    }
}

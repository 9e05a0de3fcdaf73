import SegCore
import SegImaging
import SegStudy
import Testing

/// The removal of connected components, chosen by out-of-fold masks; `benchmarks/peers/nnunet.py` compares the choice
/// with nnU-Net's.
struct PostprocessingChoiceTests {
    /// A row of voxels, one digit per voxel.
    private func choice(_ cases: [(prediction: String, truth: String)], labels: [Int]) -> PostprocessingChoice {
        var trials = PostprocessingChoice.Trials(labels: labels)
        for (number, item) in cases.enumerated() {
            func voxels(_ row: String) -> [UInt8] { row.utf8.map { $0 - UInt8(ascii: "0") } }
            let size = Triple(1, 1, item.truth.count)
            trials.add(
                FoldValidation.Measured(
                    name: "\(number)", files: ("mask", "label"), prediction: voxels(item.prediction),
                    truth: voxels(item.truth), ignored: nil,
                    label: Volume(voxels: voxels(item.truth).map { Float($0) }, size: size, affine: .identity)))
        }
        return PostprocessingChoice(trials, labels: labels)
    }

    @Test func aStrayPieceGoes() {
        let chosen = choice([("0111001", "0111000"), ("0110001", "0111000")], labels: [1])
        #expect(chosen.groups == [[1]] && chosen.steps == [.keepAllLargest([1])])
        let (before, after): (Double, Double) = ((6.0 / 7.0 + 4.0 / 6.0) / 2.0, (1.0 + 4.0 / 5.0) / 2.0)
        #expect(chosen.before.meanDice(of: 1) == before)
        #expect(chosen.after.meanDice(of: 1) == after)
        guard case .object(let entries) = chosen.document else {
            Issue.record("no object")
            return
        }
        // A single label is both all labels and each label.
        #expect(entries["postprocessing_kwargs"] == [["labels_or_regions": [1]]])
    }

    /// Connected components are those of the written mask, also at voxels that the label map ignores.
    @Test func whatIsIgnoredConnectsPieces() {
        var trials = PostprocessingChoice.Trials(labels: [1])
        let (prediction, truth): ([UInt8], [UInt8]) = ([1, 1, 1, 1, 0], [1, 1, 0, 1, 0])
        trials.add(
            FoldValidation.Measured(
                name: "0", files: ("mask", "label"), prediction: prediction, truth: truth,
                ignored: [false, false, true, false, false],
                label: Volume(voxels: truth.map { Float($0) }, size: Triple(1, 1, 5), affine: .identity)))
        let chosen = PostprocessingChoice(trials, labels: [1])
        #expect(chosen.groups.isEmpty && chosen.before.meanDice(of: 1) == 1 && trials.together.meanDice(of: 1) == 1)
    }

    /// A model with its own steps keeps them.
    @Test func nothingIsChosenWhereNothingMayBe() {
        var trials = PostprocessingChoice.Trials(labels: [1])
        trials.add(
            FoldValidation.Measured(
                name: "0", files: ("mask", "label"), prediction: [1, 1, 0, 1], truth: [1, 1, 0, 0], ignored: nil,
                label: Volume(voxels: [1, 1, 0, 0], size: Triple(1, 1, 4), affine: .identity)))
        #expect(PostprocessingChoice(trials, labels: [1]).groups == [[1]])
        let none = PostprocessingChoice(trials, labels: [1], choosing: false)
        #expect(none.groups.isEmpty && none.after.meanDice(of: 1) == none.before.meanDice(of: 1))
    }

    @Test func masksThatAreRightStay() {
        #expect(choice([("0110110", "0110110")], labels: [1]).groups.isEmpty)
    }

    /// Together the organs are one component; alone one of them has a stray component.
    @Test func aClassByItselfIsSiftedWhereItsDiceRises() {
        let chosen = choice([("1112201", "1112200"), ("2211022", "2211022")], labels: [1, 2])
        #expect(chosen.groups == [[1]])
        guard case .object(let entries) = chosen.document else {
            Issue.record("no object")
            return
        }
        #expect(entries["postprocessing_kwargs"] == [["labels_or_regions": 1]])
    }

    /// The mean would rise, but the second class would fall.
    @Test func noClassMayFallWhereAllAreSiftedTogether() {
        let cases = [("1110101000202", "1110000000202")]
        #expect(choice(cases.map { ($0.0, $0.1) }, labels: [1, 2]).groups == [[1]])
    }

    /// nnU-Net's mean is NaN if a class occurs nowhere, and no step is better than that.
    @Test func aClassThatIsNowhereIsNoGain() {
        let chosen = choice([("0111001", "0111000")], labels: [1, 2])
        #expect(chosen.groups == [[1]])
        guard case .object(let entries) = chosen.before.document, case .object(let mean)? = entries["foreground_mean"]
        else {
            Issue.record("no object")
            return
        }
        #expect(mean["Dice"] == .null)
    }
}

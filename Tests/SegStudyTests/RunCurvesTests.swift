import SegCore
import SegReport
import SegStudy
import Testing

/// The curves of a training run, from its run folder.
@Suite struct RunCurvesTests {
    private let study: SmallStudy
    private let notes = Notes()

    init() throws { study = try SmallStudy() }

    private func curves() throws -> RunCurves {
        try RunCurves(folder: study.file("run"), name: "run", note: notes.take)
    }

    @Test func columnsAreFoundByTheirNames() throws {
        try study.write("loss,step\n0.5,1\n0.25,2\n", as: "run/training.csv")
        try study.write("step,dice\n2,0.75\n", as: "run/validation.csv")
        let curves = try curves()
        #expect(curves.losses.map(\.x) == [1, 2] && curves.losses.map(\.y) == [0.5, 0.25])
        #expect(curves.dice.map(\.x) == [2] && curves.dice.map(\.y) == [0.75] && notes.all.isEmpty)
    }

    @Test func damagedRowsAreLeftOutWithANote() throws {
        try study.write("step,loss\n1,0.5\n2,\0\n3\n4,0.25\n5,0.1", as: "run/training.csv")
        #expect(try curves().losses.map(\.x) == [1, 4], "the last row is not whole, for a run may be writing it")
        #expect(notes.all == ["\(study.file("run/training.csv")): 2 of 4 rows are damaged and left out"])
    }

    @Test func whatIsNoRunFolderIsNamed() throws {
        let missing = try #require(throws: DataError.self) { try curves() }
        #expect(missing.kind == .noInput && missing.subject == study.file("run/training.csv"))
        try study.write("a,b\n1,2\n", as: "run/training.csv")
        let foreign = try #require(throws: DataError.self) { try curves() }
        #expect(foreign.kind == .badData && foreign.message.contains("'step'"))
    }

    /// For a single run, each class has a curve; undefined values are left out.
    @Test func classesHaveCurvesOfTheirOwn() throws {
        try study.write("step,loss\n1,0.5\n2,0.4\n", as: "run/training.csv")
        try study.write("step,dice\n1,0.4\n2,0.6\n", as: "run/validation.csv")
        try study.write("step,class,dice\n1,1,0.5\n1,2,\n2,1,0.75\n2,2,0.25\n", as: "run/validation_classes.csv")
        let curves = try curves()
        #expect(curves.classes.map(\.name) == ["class 1", "class 2"] && notes.all.isEmpty)
        #expect(curves.classes[0].points.map(\.y) == [0.5, 0.75] && curves.classes[1].points.map(\.x) == [2])
        let plot = RunCurves.plot([curves], title: "t", subtitle: "s")
        #expect(plot.panels.map(\.yLabel) == ["training loss", "validation Dice", "Dice by class"])
        #expect(RunCurves.plot([curves, curves], title: "t", subtitle: "s").panels.count == 2)
    }

    @Test func runsShareAPlotAndKeepTheirStyles() throws {
        let rows = (1...200).map { "\($0),0.5\n" }.joined()
        try study.write("step,loss\n" + rows, as: "run/training.csv")
        let first = try curves()
        #expect(RunCurves.plot([first], title: "t", subtitle: "s").panels.map(\.yLabel) == ["training loss"])
        try study.write("step,loss\n1,0.5\n", as: "run/training.csv")
        try study.write("step,dice\n1,0.75\n", as: "run/validation.csv")
        let plot = RunCurves.plot([first, try curves()], title: "t", subtitle: "s")
        #expect(plot.panels.map(\.yLabel) == ["training loss", "validation Dice"])
        #expect(plot.panels[0].series.map(\.smoothing) == [4, 4] && plot.subtitle.contains("the mean over 9 steps"))
        #expect(plot.panels[1].series.map(\.style) == [1])
    }
}

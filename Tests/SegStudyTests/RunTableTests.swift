import SegCore
import SegStudy
import Testing

/// Tables of a run folder after kills and power cuts.
@Suite struct RunTableTests {
    private let study: SmallStudy
    private let notes = Notes()

    init() throws { study = try SmallStudy() }

    private func open(steps: Int, rowsPerStep: Int = 1, columns: [String] = ["step", "dice"]) throws -> RunTable {
        var expected = RunTable.Expected()
        expected.last = steps
        expected.steps = Set(1..<steps + 1)
        expected.rowsPerStep = rowsPerStep
        return try RunTable(study.file("run/t.csv"), columns: columns, expected: expected, note: notes.take)
    }

    @Test func aNewTableHasItsColumnsAndGrows() throws {
        try study.write("step,dice\n1,0.5\n", as: "run/t.csv")
        // Before the first step no existing row belongs to the run.
        let table = try open(steps: 0)
        try table.append(["1", "0.25"])
        try table.sync()
        #expect(table.kept.isEmpty && notes.all.isEmpty)
        #expect(try study.text("run/t.csv") == "step,dice\n1,0.25\n")
    }

    @Test func rowsAfterTheCheckpointComeAgain() throws {
        try study.write("step,dice\n1,0.1\n2,0.2\n3,0.3\n4,0.", as: "run/t.csv")
        let table = try open(steps: 2)
        #expect(table.kept == [["1", "0.1"], ["2", "0.2"]] && notes.all.isEmpty)
        #expect(try study.text("run/t.csv") == "step,dice\n1,0.1\n2,0.2\n")
        #expect(!study.isThere("run/t.csv.damaged"))
    }

    @Test func damageIsPutAsideAndNamed() throws {
        try study.write("step,dice\n1,0.1\n2,\0\0\n3,0.3\n", as: "run/t.csv")
        #expect(try open(steps: 3).kept.map(\.first) == ["1", "3"])
        #expect(try study.text("run/t.csv.damaged") == "2,\0\0\n")
        let note = try #require(notes.all.first)
        #expect(note.contains("damaged rows are put aside in \(study.file("run/t.csv.damaged"))"))
        #expect(
            note.contains("1 of 3 steps up to the checkpoint are missing or incomplete (the first is 2, the last 2)"))
    }

    @Test func aStepMayHaveSeveralRowsAndNamesAnyCharacters() throws {
        let columns = ["step", "case", "dice"]
        try study.write("step,case,dice\n1,\"a,\nb\",0.1\n1,c,\n2,\"a,\nb\",0.2\n", as: "run/t.csv")
        let table = try open(steps: 2, rowsPerStep: 2, columns: columns)
        #expect(table.kept == [["1", "a,\nb", "0.1"], ["1", "c", ""], ["2", "a,\nb", "0.2"]])
        #expect(notes.all.count == 1 && notes.all[0].contains("1 of 2 steps"), "step 2 lacks a row: \(notes.all)")
    }
}

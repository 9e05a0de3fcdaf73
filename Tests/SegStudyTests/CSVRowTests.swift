import SegStudy
import Testing

@Suite struct CSVRowTests {
    @Test(arguments: [
        ["a", "b", ""], ["a,b", "c"], ["say \"hi\"", "x"], ["two\nlines", "and\r\nthree"], ["e\"\u{308},", "=1+1"],
        ["ü", "日本"],
    ])
    func rowsAreReadAsTheyWereWritten(_ cells: [String]) {
        #expect(CSVRow.rows(of: CSVRow(cells).text + "\n").map(\.cells) == [cells])
    }

    @Test func onlyCellsThatNeedQuotesHaveThem() {
        #expect(CSVRow(["plain", "a b", "1.5"]).text == "plain,a b,1.5")
        #expect(CSVRow(["a,b", "\""]).text == "\"a,b\",\"\"\"\"")
    }

    @Test func aRowThatWasCutOffIsLeftOut() {
        #expect(CSVRow.rows(of: "a,b\nc,\"d").map(\.cells) == [["a", "b"]])
        #expect(CSVRow.rows(of: "a,b\r\nc,d\r\n").map(\.cells) == [["a", "b"], ["c", "d"]])
        #expect(CSVRow.rows(of: "").isEmpty)
    }
}

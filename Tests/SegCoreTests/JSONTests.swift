import Foundation
import SegCore
import Testing

@Suite("JSON is read in one pass, and a fault has its place")
struct JSONTests {
    private func value(_ text: String) throws -> ConfigValue { try ConfigValue(json: Array(text.utf8), from: "x.json") }

    private func fault(_ text: String) -> String {
        do {
            return "no fault: \(try value(text))"
        } catch {
            return "\(error)"
        }
    }

    @Test("Values of every kind")
    func values() throws {
        let read = try value(
            #" {"a": [1, -2.5e3, 1.0, 0.1, true, false, null], "b": {"c": "\u00e9\ud83d\ude00\n\/"}, "é": []} "#)
        let expected: ConfigValue = [
            "a": [1, -2500, 1, 0.1, true, false, .null], "b": ["c": "é😀\n/"], "é": [],
        ]
        #expect(read == expected)
        #expect(try value("9223372036854775808") == .double(9_223_372_036_854_775_808))
        #expect(try value("\u{FEFF}7") == 7)
    }

    @Test(
        "What is no JSON is refused at its line and column",
        arguments: [
            ("", "line 1, column 1: it is empty"), ("{", "line 1, column 2: there should be a key in quotes"),
            ("{\n  \"a\": 1,\n}", "line 3, column 1: there should be a key in quotes, not '}'"),
            ("// note\n{}", "line 1, column 1: there should be a value, not '/'"),
            ("[1, 2", "line 1, column 6: there should be a comma or a closing bracket; the document ends"),
            ("[01]", "without a leading zero"), ("[1.]", "a digit after the point"), ("[1e999]", "is too large"),
            ("{\"é\": \"a\\\\b\\q\"}", "column 13: \\'q' is not an escape of JSON; write a backslash as two"),
            ("{\"a\": 1, \"b\": 2, \"a\": 3}", "line 1, column 18: the key 'a' occurs twice"),
            ("\"\\ud800\"", "half of a pair"), ("[1] 2", "column 5: there is something after the end of the value"),
            ("nul", "words without quotes are true, false and null"), ("NaN", "there should be a value, not 'N'"),
        ])
    func faults(_ text: String, _ expected: String) {
        let message = fault(text)
        #expect(message.hasPrefix("x.json: is not valid JSON: "))
        #expect(message.contains(expected), "\(message)")
    }

    @Test("Depth and number of values are bounded, and what is within is read in a moment")
    func bounds() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try value(nested(Limits.documentDepth)) }
        #expect(fault(nested(100_000)).contains("is nested more than 64 levels deep"))
        #expect(fault("[" + String(repeating: "[],", count: Limits.documentNodes) + "0]").contains("values"))
    }

    @Test("Runs of combining characters, which take long to compare, are bounded")
    func combiningRuns() throws {
        // Marks of two classes in turn have to be sorted; equal ones are sorted already.
        func text(_ run: Int) -> String { "\"e" + String(repeating: "\u{315}\u{300}", count: run / 2) + "\"" }
        #expect(throws: Never.self) { try value(text(Limits.combiningRun)) }
        #expect(throws: Never.self) { try value("\"" + String(repeating: "e\u{301}", count: 1000) + "\"") }
        let started = ContinuousClock.now
        #expect(fault("{" + text(300_000) + ": 1}").contains("more than 30 combining characters in a row"))
        #expect(ContinuousClock.now - started < .seconds(5))
    }

    @Test("A value is written as it was read")
    func roundTrip() throws {
        let document: ConfigValue = ["a": [1, 2.5, "x", true, .null], "b": ["c": []]]
        #expect(try value(document.jsonText()) == document)
        #expect(try ConfigValue(encoding: document) == document)
        #expect(try JSONDecoder().decode(ConfigValue.self, from: JSONEncoder().encode(document)) == document)
        #expect(throws: DataError.self) { try ConfigValue.double(.nan).jsonText() }
    }
}

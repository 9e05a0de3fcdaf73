import SegServer
import Testing

@Suite struct MultipartTests {
    private static let body = """
        ignored\r\n--b\r\nContent-Disposition: form-data; name="params"\r\n\r\n{"a": 1}\r\n\
        --b\r\nContent-Disposition: form-data; name="file"; filename="x;y.nii"\r\nContent-Type: a/b\r\n\r\n\
        one\r\n--not the boundary\r\n\r\ntwo\r\n--b\r\ncontent-disposition: form-data; name=empty\r\n\r\n\r\n--b--\r\nafter
        """

    /// The parts that the parser returns, each with its bytes joined.
    private static func parts(of chunks: [[UInt8]]) throws -> (parts: [String], isFinished: Bool) {
        var parser = try MultipartParser(contentType: "multipart/form-data; boundary=b")
        var parts: [String] = []
        var bytes: [UInt8] = []
        for chunk in chunks {
            try parser.consume(chunk) { event in
                switch event {
                case .began(let head): parts.append("\(head.name)\(head.isFile ? " file" : ""): ")
                case .bytes(let more): bytes += more
                case .ended:
                    parts[parts.count - 1] += String(decoding: bytes, as: UTF8.self)
                    bytes = []
                }
            }
        }
        return (parts, parser.isFinished)
    }

    private static let expected = [
        "params: {\"a\": 1}", "file file: one\r\n--not the boundary\r\n\r\ntwo", "empty: ",
    ]

    @Test(arguments: [1, 2, 3, 7, 64, 10_000]) func partsAreTheSameHoweverTheyArrive(size: Int) throws {
        let bytes = Array(Self.body.utf8)
        let chunks = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
        let (parts, isFinished) = try Self.parts(of: chunks)
        #expect(parts == Self.expected)
        #expect(isFinished)
    }

    /// The files that an archive answers with say what they are, and no field.
    @Test func theFilesOfAnArchive() throws {
        let type = "Multipart/Related; type=\"application/dicom\"; boundary=\"b\""
        let part = "--b\r\nContent-Type: Application/DICOM; transfer-syntax=1.2\r\nContent-Length: 3\r\n\r\none\r\n"
        func heads(_ body: String, most: Int = 2) throws -> [MultipartParser.Head] {
            var parser = try MultipartParser(contentType: type, mostParts: most, as: .related)
            var heads: [MultipartParser.Head] = []
            try parser.consume(Array(body.utf8)) { if case .began(let head) = $0 { heads.append(head) } }
            #expect(parser.isFinished)
            return heads
        }
        let file = MultipartParser.Head(name: "application/dicom", isFile: true)
        #expect(try heads(part + part + "--b--") == [file, file])
        #expect(throws: Refusal.self) { try heads(part + part + part + "--b--") }
        #expect(throws: Refusal.self) { try heads("--b\r\nContent-Length: 3\r\n\r\none\r\n--b--") }
        #expect(throws: Refusal.self) { try MultipartParser(contentType: type) }
        #expect(throws: Refusal.self) {
            try MultipartParser(contentType: "multipart/form-data; boundary=b", as: .related)
        }
    }

    @Test func aFormCutAnywhereIsNotFinished() throws {
        let bytes = Array(Self.body.utf8)
        let end = bytes.count - "\r\nafter".utf8.count
        for cut in 0..<end { #expect(try !Self.parts(of: [Array(bytes[..<cut])]).isFinished) }
        #expect(try Self.parts(of: [Array(bytes[..<end])]).isFinished)
    }

    /// For any input the parser returns parts or refuses; it neither traps nor holds more than its limits.
    @Test func garbageIsRefusedOrIgnored() {
        var generator = SplitMix(state: 1)
        let pieces = [
            "\r\n", "--b", "--b--", "--b\r\n", "Content-Disposition: form-data; name=\"a\"", "\r\n\r\n", ":", ";", "\"",
            "\\", "x",
        ]
        for _ in 0..<20_000 {
            var chunks: [[UInt8]] = []
            for _ in 0..<Int.random(in: 1...12, using: &generator) {
                let piece = Array(pieces.randomElement(using: &generator)?.utf8 ?? "".utf8)
                let noise = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
                chunks.append(Bool.random(using: &generator) ? piece : noise)
            }
            _ = try? Self.parts(of: chunks)
        }
    }

    @Test(arguments: [
        "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", "--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--",
        "--bb\r\n\r\n",
    ]) func whatIsNoFormIsRefused(body: String) {
        #expect(throws: Refusal.self) { try Self.parts(of: [Array(body.utf8)]) }
    }

    /// The parts that a parser must hold to their end are limited: heads, and the text before the first boundary.
    @Test func whatDoesNotEndIsRefused() {
        let long = String(repeating: "a", count: 9000)
        let parts = String(repeating: "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n", count: 40)
        for body in [long, "--b\r\n" + long, parts] {
            #expect(throws: Refusal.self) { try Self.parts(of: [Array(body.utf8)]) }
        }
    }

    @Test(arguments: [
        nil, "", "text/plain", "multipart/form-data", "multipart/mixed; boundary=b", "multipart/form-data; boundary=",
    ])
    func otherContentTypesAreRefused(type: String?) {
        #expect(throws: Refusal.self) { try MultipartParser(contentType: type) }
    }

    /// The name tells the channel of a file; browsers and Python send names outside ASCII in the second form.
    @Test(arguments: [
        (#"filename="a_0001.nii.gz""#, "a_0001.nii.gz"), ("filename*=UTF-8''na%C3%AFve_0000.nii", "naïve_0000.nii"),
        (#"filename="x"; filename*=utf-8''y_0001.nii"#, "y_0001.nii"), (#"filename="x"; filename*=y"#, "x"),
    ])
    func namesOfFilesAreRead(parameters: String, name: String) throws {
        let body = "--b\r\nContent-Disposition: form-data; name=file; \(parameters)\r\n\r\nx\r\n--b--"
        var parser = try MultipartParser(contentType: "multipart/form-data; boundary=b")
        var names: [String] = []
        try parser.consume(Array(body.utf8)) { if case .began(let head) = $0 { names.append(head.fileName ?? "") } }
        #expect(names == [name])
    }

    @Test func headersKeepWhatIsQuoted() {
        let words = HeaderWords(#"form-data; name="a;b\"c" ; FileName=x.nii"#)
        #expect(words.value == "form-data")
        #expect(words["name"] == #"a;b"c"#)
        #expect(words["filename"] == "x.nii")
        #expect(words["other"] == nil)
    }

    @Test func queriesAreDecodedAsPythonEncodesThem() throws {
        let query = RequestQuery("image=a+b%2Fc%26d&tag=&flag=true&bad=%zz")
        #expect(query["image"] == "a b/c&d")
        #expect(query["tag"] == nil)
        #expect(try query.isOn("flag"))
        #expect(query["bad"] == "%zz")
    }
}

/// Steele et al. 2014: reproducible, so that a failure can be examined.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

import SegServer
import Testing

/// File names of the datastore.
@Suite struct StudyNameTests {
    @Test(arguments: [
        ("plain", "plain"), ("a/b", "a%2Fb"), (".hidden", "%2Ehidden"), ("50%", "50%25"),
        ("ümlaut \"q\"", "ümlaut \"q\""),
        ("..", "%2E."), ("a\u{7F}", "a%7F"), ("x.nii", "x.nii"),
    ]) func namesOfFilesTellTheText(text: String, name: String) {
        #expect(StudyName.encoded(text) == name)
        #expect(StudyName.decoded(name) == text)
    }

    @Test func namesThatAreNoEscapesStandForThemselves() {
        for name in ["50%", "a%20b", "100%zz", "%2f"] { #expect(StudyName.decoded(name) == name) }
        #expect(StudyName.encoded("") == nil && StudyName.encoded(String(repeating: "ä", count: 121)) == nil)
    }

    @Test(
        arguments: [
            ("x.nii", "x"), ("x.NII.GZ", "x"), ("x.hdr.nii.gz", "x.hdr"), ("x.nii.nii.gz", "x.nii"), (".nii", nil),
            (".x.nii", nil), ("x.gz", nil), ("x.nrrd", "x"), ("x.png", nil),
        ] as [(String, String?)]) func endingsOfScans(file: String, stem: String?)
    {
        #expect(StudyName.stem(of: file) == stem)
    }
}

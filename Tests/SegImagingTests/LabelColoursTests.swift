import SegImaging
import Testing

@Suite struct LabelColoursTests {
    @Test func anOrganHasOneColourHoweverItIsWritten() {
        let liver = LabelColours.colour(of: "liver", number: 1)
        for name in ["Liver", "LIVER", "liver_right", "left lobe of liver"] {
            #expect(LabelColours.colour(of: name, number: 7) == liver)
        }
        #expect(LabelColours.colour(of: "kidney_left", number: 2) == LabelColours.colour(of: "Right Kidney", number: 9))
        #expect(LabelColours.colour(of: "spleen", number: 1) != liver)
    }

    @Test func aLesionIsToldFromItsOrgan() {
        #expect(LabelColours.colour(of: "liver tumour", number: 2) != LabelColours.colour(of: "liver", number: 1))
        #expect(LabelColours.colour(of: "liver tumour", number: 2) == LabelColours.colour(of: "kidney_cyst", number: 3))
    }

    @Test func theLongestNameCounts() {
        #expect(
            LabelColours.colour(of: "gall bladder", number: 1) == LabelColours.colour(of: "gallbladder", number: 1))
        #expect(LabelColours.colour(of: "gall bladder", number: 1) != LabelColours.colour(of: "bladder", number: 1))
    }

    @Test func otherNamesAreColouredByNumber() {
        let colours = (1...LabelColours.running.count).map { LabelColours.colour(of: "class \($0)", number: $0) }
        #expect(colours == LabelColours.running)
        #expect(LabelColours.colour(of: "", number: LabelColours.running.count + 1) == colours[0])
        #expect(LabelColours.css(0x0A0B0C) == "#0a0b0c")
    }
}

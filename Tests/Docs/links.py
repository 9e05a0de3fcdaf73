"""Says which relative links of the Markdown files in the arguments lead to no file or to no heading."""
import pathlib, re, sys

def prose(page): return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)

def anchors(page):
    titles = re.findall(r"^#+ (.*)$", prose(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\(.*?\)", "", title.lower())).replace(" ", "-") for title in titles}

links = [(page, *link.partition("#")) for page in map(pathlib.Path, sys.argv[1:])
         for link in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", prose(page))]
lost = [f"{page}: the link {path}{mark}{anchor} leads nowhere" for page, path, mark, anchor in links
        if not (page.parent / path).exists() or anchor and anchor not in anchors(page.parent / path if path else page)]
sys.exit("\n".join(lost) or None)

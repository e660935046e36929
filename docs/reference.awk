# The public headers as doxygen reads them: their plain comments become documentation, without tags in the headers.
#
#     awk -f reference.awk src/rankpool.h      the header for doxygen on stdout
#     awk -v check=1 -f reference.awk ...      one line for each name without documentation; ends with 1 if there is one
#
# It reads the form that clang-format gives the headers, and these habits:
#   - A comment documents the declaration after it, and those that follow without an empty line or another comment.
#   - A member is documented behind it, before it, or in its struct's comment by a line that begins with `its name`.
#   - A function's comment begins with who may call it (see `callers`), or an earlier one of its section does, with "all
#     of these" or the like in its first sentence.
#   - The sentences of an error table, X(NAME, value, "sentence"), document its enumerators.
# Each block becomes a page that is called by its first name.
BEGIN { callers = "^(Any|Rank 0|Collective|Inside a task)[ .,]" }
FNR == 1 { own = who = ""; half = member_doc = ""; depth = open = started = going_on = macro = 0 }

function complain(name, what) {
    complaints++
    if (check) printf "%s:%d: %s %s\n", FILENAME, FNR, name, what
}
function emit(text) { if (!check) print text }
# The text of a comment, without what opens and closes it and the stars before its lines.
function bare(text) {
    gsub(/^[ \t]*\/\*|\*\/[ \t]*$/, "", text)
    gsub(/\n[ \t]*\*/, "\n", text)
    gsub(/^[ \t\n]+|[ \t\n]+$/, "", text)
    return text
}
# What doxygen would take for a command or a tag, taken for itself; inside `...` it is that already.
function plain(text, parts, count, i) {
    count = split(text, parts, "`")
    text = ""
    for (i = 1; i <= count; i++) {
        if (i % 2) gsub(/[\\@<#]/, "\\\\&", parts[i])
        text = text (i > 1 ? "`" : "") parts[i]
    }
    return text
}
# The first sentence of a comment that is not about who may call, as the title of a page.
function title(text, end) {
    gsub(/[ \n]+/, " ", text)
    while (text ~ callers && (end = index(text, ". "))) text = substr(text, end + 2)
    if (end = match(text, /[.:;] /)) text = substr(text, 1, end - 1)
    sub(/\.$/, "", text)
    gsub(/`/, "", text)
    return text
}
# The last word before the arguments, the array's size or the end: what a declarator declares.
function declared(text) {
    if (match(text, /\(\*+[A-Za-z_0-9]+/) && RSTART == index(text, "(")) { # a pointer to a function
        text = substr(text, RSTART, RLENGTH)
    } else {
        sub(/[[(;:,={].*/, "", text)
        sub(/[ \t]+$/, "", text)
    }
    match(text, /[A-Za-z_0-9]+$/)
    return substr(text, RSTART, RLENGTH)
}

# ---- Declarations ----

# One declaration that begins at the left margin; `text` is its first line.
function begin(text, name, doc) {
    name = text
    sub(/\) RP_PRINTF.*/, ")", name)
    if (sub(/^#define[ \t]+/, "", name)) sub(/[^A-Za-z_0-9].*/, "", name)
    if (text ~ /^typedef struct .*[{]$/ || text ~ /^(struct|enum|union) /) sub(/ *[{].*/, "", name)
    name = declared(name)
    if (text ~ /^#define/ && name !~ /^(RP|rp)_/) return
    doc = own
    if (text ~ /^RP_API/ && doc !~ callers && who != "" && doc != "") doc = who "\n\n" doc
    if (doc == "") complain(name, "has no comment")
    else if (text ~ /^RP_API/ && doc !~ callers) complain(name, "does not say first who may call it: " callers)
    block = own
    if (fresh) {
        if (open) emit("/** \\} */")
        open = text !~ /^(typedef )?(struct|union) .*[{]/ # a struct has a page of its own anyhow
        if (open) emit("/** \\defgroup " name " " plain(title(own)) "\n * \\{ */")
    }
    fresh = 0
    if (doc != "") emit("/** " plain(doc) " */")
}
# What the block's comment says of a member: from a line that begins with `name` to the next such line.
function told(name, lines, count, i, text, on) {
    count = split(block, lines, "\n")
    for (i = 1; i <= count; i++) {
        sub(/^[ \t]+/, "", lines[i])
        if (lines[i] ~ /^`/) on = index(lines[i], "`" name "`") == 1
        if (on) text = text " " lines[i]
    }
    return text
}
# The members on one line, or the enumerators, with what was said before or behind them.
function members(text, doc, names, count, i, type) {
    if (text !~ /\(/ && kind != "enum") { # int a, b: a line each, or only the last is documented
        count = split(text, names, ",")
        type = names[1]
        sub(/[*A-Za-z_0-9[\];]+$/, "", type)
        for (i = 1; i <= count; i++) {
            sub(/^[ \t]+/, "", names[i])
            sub(/;$/, "", names[i])
            member((i > 1 ? type : "") names[i] ";", declared(names[i] ";"), doc)
        }
    } else if (kind == "enum") {
        count = split(text, names, /, */)
        for (i = 1; i <= count; i++)
            if (names[i] !~ /^[ \t]*$/) member(names[i] ",", declared(names[i]), doc)
    } else {
        member(text, declared(text), doc)
    }
}
function member(text, name, doc) {
    if (doc == "") doc = told(name)
    if (doc == "") complain(name, "has no comment")
    emit(text (doc == "" ? "" : " /**< " plain(doc) " */"))
}

# ---- Lines ----

# A comment that goes on: `held` is what there is of it, `before` the code in front of it.
held != "" {
    held = held "\n" $0
    if ($0 !~ /\*\//) next
    comment(held, before)
    held = ""
    next
}
/\/\*/ && $0 !~ /"[^"]*\/\*/ {
    before = substr($0, 1, index($0, "/*") - 1)
    if ($0 ~ /\*\//) comment(substr($0, index($0, "/*")), before)
    else held = substr($0, index($0, "/*"))
    next
}
{ code($0, "") }

function comment(text, before) {
    text = bare(text)
    if (before !~ /^[ \t]*$/) return code(before, text)
    if (depth) { member_doc = text; return }
    if (!started) {
        started = 1
        name = FILENAME
        sub(/.*\//, "", name)
        emit("/** \\file " name "\n" plain(text) "\n*/")
        return
    }
    if (text ~ /^----/) who = text = ""
    else if (text ~ callers && match(text, /, all (of (them|these)|calls from here on)[^.]*\./)) {
        who = substr(text, 1, RSTART - 1) "."
        text = substr(text, RSTART + RLENGTH)
        sub(/^[ \n]+/, "", text)
    }
    own = text
    fresh = text != ""
}
function code(text, behind) {
    sub(/[ \t]+$/, "", text)
    if (table) return table_line(text)
    if (text == "" && behind == "") {
        if (!depth) { own = ""; fresh = 0 }
        return emit(text)
    }
    if (depth) return inside(text, behind)
    if (text ~ /^#define RP_[A-Z]+_TABLE\(/) {
        begin(text)
        table = 1
        match(text, /RP_[A-Z]+_TABLE/)
        table_name = substr(text, RSTART, RLENGTH)
        return emit("#define " table_name "(X)")
    }
    if (going_on) {
        emit(text)
    } else if (text ~ /^(#define|[A-Za-z])/ && text !~ /^extern "C"/) {
        if (behind != "") { own = behind; fresh = 1 }
        begin(text)
        kind = text ~ /^(typedef )?enum/ ? "enum" : text ~ /^(typedef )?(struct|union) / ? "struct" : "function"
        if (text ~ /^enum .*[{][^}]*}/) return one_line_enum(text)
        emit(text)
    } else {
        return emit(text)
    }
    if (text ~ /^#/ || macro) going_on = macro = text ~ /\\$/
    else going_on = text !~ /[;{}]$/
    if (text ~ /[{]$/ && !macro) depth = 1
}
function one_line_enum(text, list) {
    list = text
    sub(/.*[{]/, "", list)
    sub(/}.*/, "", list)
    kind = "enum"
    emit(substr(text, 1, index(text, "{")))
    members(list, "")
    emit(substr(text, index(text, "}")))
}
# Between the braces of a struct, an enum, or a function that is defined in the header.
function inside(text, behind) {
    if (text ~ /^}/) { depth = 0; return emit(text) }
    if (kind == "function") return emit(text)
    if (text ~ /^#/) return
    if (match(text, /RP_[A-Z]+_TABLE\(/)) return emit(rows[substr(text, RSTART, RLENGTH - 1)])
    if (behind != "") member_doc = behind
    if (text ~ /[{]$|^[ \t]*};$/) return emit(text) # a struct in the struct
    if (kind == "struct" && text !~ /;$/) { half = half text; return }
    members(half text, member_doc)
    half = member_doc = ""
}
function table_line(text, parts) {
    if (match(text, /X\(RP_[A-Z_0-9]+, *-?[0-9]+, *"/)) {
        split(substr(text, RSTART + 2, RLENGTH), parts, ",")
        sub(/^[^"]*"/, "", text)
        sub(/".*/, "", text)
        rows[table_name] = rows[table_name] "    " parts[1] " =" parts[2] ", /**< " plain(text) " */\n"
    }
    if ($0 !~ /\\$/) table = 0
}
END {
    if (open) emit("/** \\} */")
    if (check) exit complaints > 0
}

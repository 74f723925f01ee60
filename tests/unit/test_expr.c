/* Argo's expressions: the language, its built-ins, Argo's additions, limits, and what callers do with results. */
#include "expr_fixture.h"
#include "expr/internal.h"

/* As expr-lang has them. */
static const struct expr_case language[] = {
        {"1 + 1", "2"}, {"7 / 2", "3.5"}, {"6 / 2", "3"}, {"7 % 3", "1"}, {"-7 % 3", "-1"}, {"2 ** 10", "1024"},
        {"2 ** 0.5", "1.4142135623730951"}, {"2 ^ 3", "8"}, {"2 ** 3 ** 2", "512"}, {"-2 ** 2", "-4"}, {"1.5 + 1", "2.5"}, {"1e3", "1000"},
        {"1E-3", "0.001"}, {"0x1F", "31"}, {"0o17", "15"}, {"0b101", "5"}, {"1_000", "1000"}, {".5", "0.5"}, {"5.", "5"}, {"1.", "1"},
        {"123456789", "123456789"}, {"9223372036854775807", "9223372036854775807"},
        {"9223372036854775808", "error: invalid integer literal: strconv.ParseInt: parsing \"9223372036854775808\": value out of range (1:19)"},
        {"9223372036854775807 + 1", "-9223372036854775808"},
        {"-9223372036854775808", "error: invalid integer literal: strconv.ParseInt: parsing \"9223372036854775808\": value out of range (1:20)"},
        {"1/0", "+Inf"}, {"0/0", "NaN"}, {"1%0", "error: integer divide by zero (1:2)"},
        {"1.5%2", "error: invalid operation: % (mismatched types float64 and int) (1:4)"}, {"true", "true"}, {"nil", "null"},
        {"[1,'a',nil,true]", "[1,\"a\",null,true]"}, {"{'b':1,'a':[2]}", "{\"a\":[2],\"b\":1}"}, {"{b: 1}", "{\"b\":1}"},
        {"{1: 2}", "{\"1\":2}"}, {"{(s): 1}", "{\"hello\":1}"}, {"{\"a\": 1, \"a\": 2}", "{\"a\":1}"},
        {"{(1): 2}", "error: interface conversion: interface {} is int, not string (1:1)"}, {"m.a", "1"}, {"m['a']", "1"},
        {"m.missing", "null"}, {"m.missing.x", "error: cannot fetch x from <nil> (1:11)"}, {"m?.missing?.x", "null"},
        {"m.missing?.x", "null"}, {"m.missing?.x.y", "null"}, {"m.missing ?\? 'd'", "\"d\""}, {"z ?\? 'd'", "\"d\""},
        {"s ?\? 'd'", "\"hello\""}, {"z?.a", "error: type nil has no field a (1:4)"}, {"z.a", "error: type nil has no field a (1:3)"},
        {"z['a']", "error: type nil has no field a (1:2)"}, {"s.a", "error: type string has no field a (1:3)"},
        {"n.a", "error: type int has no field a (1:3)"},
        {"l.a", "error: array elements can only be selected using an integer (got string) (1:3)"}, {"l[0]", "3"}, {"l[-1]", "2"},
        {"l[3]", "error: index out of range: 3 (array length is 3) (1:2)"},
        {"l[-4]", "error: index out of range: -1 (array length is 3) (1:2)"},
        {"l['a']", "error: array elements can only be selected using an integer (got string) (1:3)"},
        {"l[1.0]", "error: array elements can only be selected using an integer (got float64) (1:3)"},
        {"l[1.5]", "error: array elements can only be selected using an integer (got float64) (1:3)"},
        {"s[0]", "error: type string[int] is undefined (1:2)"}, {"s[-1]", "error: type string[int] is undefined (1:2)"},
        {"s[9]", "error: type string[int] is undefined (1:2)"}, {"s['a']", "error: type string has no field a (1:2)"},
        {"m[0]", "error: cannot use int to get an element from map[string]interface {} (1:3)"},
        {"m[z]", "error: cannot use unknown to get an element from map[string]interface {} (1:3)"}, {"l[1:2]", "[1]"}, {"l[:2]", "[3,1]"},
        {"l[1:]", "[1,2]"}, {"l[:]", "[3,1,2]"}, {"l[-2:]", "[1,2]"}, {"l[:-1]", "[3,1]"}, {"l[5:]", "[]"}, {"l[2:1]", "[]"},
        {"s[1:3]", "\"el\""}, {"s[1:]", "\"ello\""}, {"s[:99]", "\"hello\""}, {"s['a':1]", "error: non-integer slice index string (1:3)"},
        {"n[1:2]", "error: cannot slice int (1:2)"}, {"len('héé')", "3"}, {"len(l)", "3"}, {"len(m)", "2"},
        {"len(n)", "error: invalid argument for len (type int) (1:1)"},
        {"len()", "error: invalid number of arguments (expected 1, got 0) (1:1)"},
        {"len(1,2)", "error: invalid number of arguments (expected 1, got 2) (1:1)"},
        {"len(nil)", "error: invalid argument for len (type %!s(<nil>)) (1:1)"},
        {"len(z)", "error: invalid argument for len (type %!s(<nil>)) (1:1)"}, {"type(1)", "\"int\""}, {"type(1.5)", "\"float\""},
        {"type('a')", "\"string\""}, {"type(nil)", "\"nil\""}, {"type([1])", "\"array\""}, {"type({})", "\"map\""},
        {"type(duration('1h'))", "\"time.Duration\""}, {"type(true)", "\"bool\""}, {"abs(-5)", "5"}, {"abs(-5.5)", "5.5"},
        {"abs('a')", "error: invalid argument for abs (type string) (1:1)"}, {"ceil(1.2)", "2"}, {"floor(1.8)", "1"}, {"round(1.5)", "2"},
        {"round(-1.5)", "-2"}, {"round(2.5)", "3"}, {"round(1)", "1"},
        {"ceil('a')", "error: invalid argument for ceil (type string) (1:1)"}, {"int('5')", "5"},
        {"int('abc')", "error: invalid operation: int(abc) (1:1)"}, {"int(5.9)", "5"}, {"int(-5.9)", "-5"},
        {"int(true)", "error: invalid argument for int (type bool) (1:1)"},
        {"int(nil)", "error: invalid argument for int (type %!s(<nil>)) (1:1)"},
        {"int('5.5')", "error: invalid operation: int(5.5) (1:1)"}, {"int('+5')", "5"},
        {"int(' 5')", "error: invalid operation: int( 5) (1:1)"}, {"float('1.5')", "1.5"},
        {"float('abc')", "error: invalid operation: float(abc) (1:1)"}, {"float('1e400')", "error: invalid operation: float(1e400) (1:1)"},
        {"float('inf')", "+Inf"}, {"float('NaN')", "NaN"}, {"float(1)", "1"},
        {"float(true)", "error: invalid argument for float (type bool) (1:1)"}, {"float('.5')", "0.5"}, {"string(1.5)", "\"1.5\""},
        {"string(100000000.0)", "\"1e+08\""}, {"string(1e20)", "\"1e+20\""}, {"string(1e21)", "\"1e+21\""}, {"string(1e6)", "\"1e+06\""},
        {"string(123456.0)", "\"123456\""}, {"string(1234567.0)", "\"1.234567e+06\""}, {"string(0.0001)", "\"0.0001\""},
        {"string(0.00001)", "\"1e-05\""}, {"string(1.0)", "\"1\""}, {"string(nil)", "\"\\u003cnil\\u003e\""},
        {"string([1,'a',nil])", "\"[1 a \\u003cnil\\u003e]\""}, {"string({'a':1,'b':'x'})", "\"map[a:1 b:x]\""},
        {"string(true)", "\"true\""}, {"string([])", "\"[]\""}, {"string({})", "\"map[]\""}, {"trim('  a ')", "\"a\""},
        {"trim('__a__', '_')", "\"a\""}, {"trim('a', 'b', 'c')", "error: too many arguments to call trim (1:1)"},
        {"trimPrefix('abc','a')", "\"bc\""}, {"trimPrefix(' abc')", "\"abc\""}, {"trimSuffix('abc','c')", "\"ab\""},
        {"trimSuffix('abc ')", "\"abc\""}, {"upper('héllo')", "\"HÉLLO\""}, {"lower('HÉLLO')", "\"héllo\""},
        {"upper(1)", "error: cannot use int as argument (type string) to call upper  (1:7)"},
        {"upper(m.a)", "error: interface conversion: interface {} is int, not string (1:1)"},
        {"split('a,b,c', ',')", "[\"a\",\"b\",\"c\"]"}, {"split('a,b,c', ',', 2)", "[\"a\",\"b,c\"]"},
        {"split('abc', '')", "[\"a\",\"b\",\"c\"]"}, {"split('', ',')", "[\"\"]"}, {"split('', '')", "[]"},
        {"split('abc', '', 2)", "[\"a\",\"bc\"]"}, {"split('a,b', ',', -1)", "[\"a\",\"b\"]"},
        {"split('a', 'b')[1]", "error: index out of range: 1 (array length is 1) (1:16)"},
        {"splitAfter('a,b,c', ',')", "[\"a,\",\"b,\",\"c\"]"}, {"splitAfter('a,b,c', ',', 2)", "[\"a,\",\"b,c\"]"},
        {"replace('foo bar foo', 'foo', 'x')", "\"x bar x\""}, {"replace('foo bar foo', 'foo', 'x', 1)", "\"x bar foo\""},
        {"replace('abc', '', '-')", "\"-a-b-c-\""}, {"replace('abc', '', '-', 2)", "\"-a-bc\""}, {"replace('aaa','a','b',0)", "\"aaa\""},
        {"repeat('ab', 3)", "\"ababab\""},
        {"repeat('ab', -1)", "error: invalid argument for repeat (expected positive integer, got -1) (1:1)"},
        {"repeat('ab', 1000001)", "error: memory budget exceeded (1:1)"},
        {"repeat('ab', 1.5)", "error: cannot use float64 as argument (type int) to call repeat  (1:14)"},
        {"join(['a','b'],'-')", "\"a-b\""}, {"join(['a','b'])", "\"ab\""}, {"join([])", "\"\""},
        {"join([1,2],'-')", "error: interface conversion: interface {} is int, not string (1:1)"}, {"join(ls, ',')", "\"b,a\""},
        {"join(l, ',')", "error: interface conversion: interface {} is int, not string (1:1)"}, {"indexOf('abcabc', 'c')", "2"},
        {"indexOf('abc', 'z')", "-1"}, {"lastIndexOf('abcabc', 'c')", "5"}, {"lastIndexOf('abc', '')", "3"},
        {"hasPrefix('abc','a')", "true"}, {"hasSuffix('abc','c')", "true"}, {"max(1,2,3)", "3"}, {"max([1,2,3])", "3"},
        {"max(1, [5, 2], 3.5)", "5"}, {"max([])", "null"}, {"max()", "error: not enough arguments to call max (1:1)"},
        {"max('a')", "error: invalid argument for max (type string) (1:1)"},
        {"max(nil)", "error: invalid argument for max (type %!s(<nil>)) (1:1)"},
        {"max('a', 1)", "error: invalid argument for max (type string) (1:1)"},
        {"max(m.a, 'x')", "error: invalid argument for max (type string) (1:1)"}, {"min(1,2.5,-3)", "-3"}, {"min(l)", "1"},
        {"min([[1,2],[0]])", "0"}, {"mean(1,2,3)", "2"}, {"mean([1,2])", "1.5"}, {"mean([])", "0"},
        {"mean('a')", "error: invalid argument for mean (type string) (1:1)"},
        {"mean(['a'])", "error: invalid argument for mean (type string) (1:1)"}, {"median(3,1,2)", "2"}, {"median([1,2,3,4])", "2.5"},
        {"median([])", "0"}, {"toJSON({'b':1,'a':'x'})", "\"{\\n  \\\"a\\\": \\\"x\\\",\\n  \\\"b\\\": 1\\n}\""},
        {"toJSON([1,2])", "\"[\\n  1,\\n  2\\n]\""}, {"toJSON([])", "\"[]\""}, {"toJSON({})", "\"{}\""},
        {"toJSON('<a>&\"\\n')", "\"\\\"\\\\u003ca\\\\u003e\\\\u0026\\\\\\\"\\\\n\\\"\""}, {"toJSON(nil)", "\"null\""},
        {"toJSON(1.0)", "\"1\""}, {"toJSON(1e21)", "\"1e+21\""}, {"toJson({'b':1,'a':'x'})", "\"{\\\"a\\\":\\\"x\\\",\\\"b\\\":1}\""},
        {"toJson('<a>')", "\"\\\"\\\\u003ca\\\\u003e\\\"\""},
        {"toJson([1.0, 1.5, 1e20, 1e21, 1e-7])", "\"[1,1.5,100000000000000000000,1e+21,1e-7]\""},
        {"fromJSON('{\"a\":[1,2.5,null,true]}')", "{\"a\":[1,2.5,null,true]}"}, {"fromJSON('{\"a\":1}').a + 1", "2"},
        {"fromJSON('')", "error: unexpected end of JSON input (1:1)"}, {"fromJSON('12345678901234567890')", "12345678901234567000"},
        {"toBase64('hello')", "\"aGVsbG8=\""}, {"toBase64('')", "\"\""}, {"fromBase64('aGVsbG8=')", "\"hello\""},
        {"fromBase64('aGVsbG8')", "error: illegal base64 data at input byte 4 (1:1)"},
        {"fromBase64('!!!')", "error: illegal base64 data at input byte 0 (1:1)"}, {"date('2024-01-02').Year()", "2024"},
        {"date('2024-01-02')", "\"2024-01-02T00:00:00Z\""}, {"date('2024-01-02T03:04:05Z').Format('2006')", "\"2024\""},
        {"date('2024-01-02 03:04:05').Hour()", "3"}, {"date('2024-01-02', '2006-01-02')", "\"2024-01-02T00:00:00Z\""},
        {"date('02/01/2024', '02/01/2006').Unix()", "1704153600"}, {"date('x')", "error: invalid date x (1:1)"},
        {"date('2024-01-02').YearDay()", "2"}, {"date('2024-01-02').AddDate(0,1,3)", "\"2024-02-05T00:00:00Z\""},
        {"date('2024-01-31').AddDate(0,1,0)", "\"2024-03-02T00:00:00Z\""},
        {"date('2024-01-02') + duration('1h')", "\"2024-01-02T01:00:00Z\""},
        {"date('2024-01-02') - duration('1h')", "\"2024-01-01T23:00:00Z\""}, {"date('2024-01-02') - date('2024-01-01')", "86400000000000"},
        {"date('2024-01-02') > date('2024-01-01')", "true"}, {"date('2024-01-02') == date('2024-01-02')", "true"},
        {"date('2024-01-02').Add(duration('36h'))", "\"2024-01-03T12:00:00Z\""},
        {"date('2024-01-02').Sub(date('2024-01-01')).Hours()", "24"}, {"date('2024-01-02').After(date('2024-01-01'))", "true"},
        {"date('2024-01-02').Truncate(duration('24h'))", "\"2024-01-02T00:00:00Z\""},
        {"date('2024-01-02T13:04:05.678Z').Round(duration('1s'))", "\"2024-01-02T13:04:06Z\""},
        {"date('2024-01-02T13:04:05+02:00')", "\"2024-01-02T13:04:05+02:00\""},
        {"date('2024-01-02T13:04:05+02:00').UTC()", "\"2024-01-02T11:04:05Z\""},
        {"date('2024-01-02T13:04:05+02:00').UnixNano()", "1704193445000000000"},
        {"date('2024-01-02').Nope()", "error: type time.Time has no method Nope (1:20)"},
        {"date('2024-01-02').In(timezone('UTC'))", "\"2024-01-02T00:00:00Z\""}, {"duration('90m')", "5400000000000"},
        {"duration('90m').Minutes()", "90"}, {"duration('1h30m').String()", "\"1h30m0s\""}, {"string(duration('1.5s'))", "\"1.5s\""},
        {"duration('x')", "error: time: invalid duration \"x\" (1:1)"}, {"duration('1h') + duration('30m')", "5400000000000"},
        {"duration('1h') * 2", "7200000000000"}, {"2 * duration('1h')", "7200000000000"},
        {"duration('1h') / 2", "error: invalid operation: / (mismatched types time.Duration and int) (1:16)"},
        {"duration('1h') > duration('30m')", "true"}, {"duration('1h') - duration('2h')", "-3600000000000"},
        {"duration('1500ms').Seconds()", "1.5"}, {"duration('1500ms').Milliseconds()", "1500"},
        {"duration('1500ms').Round(duration('1s'))", "2000000000"},
        {"timezone('Nowhere/Land')", "error: unknown time zone Nowhere/Land (1:1)"}, {"first([1,2])", "1"}, {"first([])", "null"},
        {"first('abc')", "error: cannot get first element from string (1:1)"},
        {"first(m)", "error: cannot get first element from map[string]interface {} (1:1)"},
        {"first(z)", "error: cannot get first element from %!s(<nil>) (1:1)"}, {"last([1,2])", "2"}, {"last([])", "null"},
        {"get([1,2],0)", "1"}, {"get([1,2],5)", "null"}, {"get({'a':1},'a')", "1"}, {"get({'a':1},'b')", "null"},
        {"take([1,2,3],2)", "[1,2]"}, {"take([1,2,3],5)", "[1,2,3]"}, {"take([1,2,3],0)", "[]"},
        {"take('abc',2)", "error: cannot take from string (1:1)"}, {"take([1],'a')", "error: cannot take string elements (1:1)"},
        {"keys({'b':1,'a':2}) | sort()", "[\"a\",\"b\"]"}, {"values({'a':2})", "[2]"},
        {"keys([1])", "error: cannot get keys from []interface {} (1:1)"}, {"toPairs({'a':1})", "[[\"a\",1]]"},
        {"fromPairs([['a']])", "error: invalid pair length [a] (1:1)"}, {"fromPairs([1])", "error: invalid pair 1 (1:1)"},
        {"reverse([1,2,3])", "[3,2,1]"}, {"reverse('abc')", "error: cannot reverse string (1:1)"}, {"uniq([1,2,1,3,2])", "[1,2,3]"},
        {"uniq([1,1.0,'1'])", "[1,\"1\"]"}, {"uniq('a')", "error: cannot uniq string (1:1)"}, {"concat([1],[2,3])", "[1,2,3]"},
        {"concat([1])", "[1]"}, {"concat()", "error: invalid number of arguments (expected at least 1, got 0) (1:1)"},
        {"concat(1)", "error: cannot concat int (1:1)"}, {"flatten([1,[2,[3]]])", "[1,2,3]"},
        {"flatten(1)", "error: cannot flatten int (1:1)"}, {"sort([3,1,2])", "[1,2,3]"}, {"sort(['b','a'], 'desc')", "[\"b\",\"a\"]"},
        {"sort([3,1,2], 'x')", "error: invalid order x, expected asc or desc (1:1)"},
        {"sort([1,'a'])", "error: invalid operation: string < int (1:1)"}, {"sort([])", "[]"}, {"bitand(6,3)", "2"}, {"bitor(6,3)", "7"},
        {"bitxor(6,3)", "5"}, {"bitnand(6,3)", "4"}, {"bitnot(6)", "-7"}, {"bitshl(1,3)", "8"}, {"bitshr(-8,1)", "-4"},
        {"bitushr(-8,1)", "9223372036854775804"}, {"bitshl(1,-1)", "error: invalid operation: negative shift count -1 (type int) (1:1)"},
        {"bitshl(1,64)", "0"}, {"bitand(1.5,2)", "error: cannot use float64 as argument (type int) to call bitand  (1:8)"},
        {"bitand('a',1)", "error: cannot use string as argument (type int) to call bitand  (1:8)"}, {"filter([1,2,3], {# > 1})", "[2,3]"},
        {"filter([1,2,3], # > 1)", "[2,3]"}, {"map([1,2,3], {# * 2})", "[2,4,6]"}, {"map(lm, {.n})", "[\"x\",\"y\"]"},
        {"map(lm, .v + 1)", "[3,2]"}, {"filter(lm, .n == 'x')", "[{\"n\":\"x\",\"v\":2}]"}, {"all([1,2], # > 0)", "true"},
        {"none([1,2], # > 5)", "true"}, {"any([1,2], # > 1)", "true"}, {"one([1,2], # > 1)", "true"}, {"count([1,2,3], # > 1)", "2"},
        {"count([true,false,true])", "2"}, {"sum([1,2,3])", "6"}, {"sum([1,2.5])", "3.5"}, {"sum([])", "0"}, {"sum(lm, .v)", "3"},
        {"sum(['a'])", "error: invalid operation: string + int (1:1)"}, {"find([1,2,3], # > 1)", "2"}, {"find([1,2,3], # > 9)", "null"},
        {"findIndex([1,2,3], # > 1)", "1"}, {"findIndex([1,2,3], # > 9)", "null"}, {"findLast([1,2,3], # > 1)", "3"},
        {"findLastIndex([1,2,3], # > 1)", "2"}, {"sortBy(lm, .v)", "[{\"n\":\"y\",\"v\":1},{\"n\":\"x\",\"v\":2}]"},
        {"sortBy(lm, .v, 'desc')", "[{\"n\":\"x\",\"v\":2},{\"n\":\"y\",\"v\":1}]"},
        {"sortBy(lm, .n, 'x')", "error: unknown order, use asc or desc (1:1)"}, {"reduce([1,2,3], #acc + #)", "6"},
        {"reduce([1,2,3], #acc + #, 10)", "16"}, {"reduce([], #acc + #)", "error: reduce of empty array with no initial value (1:1)"},
        {"reduce([], #acc + #, 0)", "0"}, {"map([1,2], #index)", "[0,1]"}, {"map(1..3, {let x = #; x * x})", "[1,4,9]"},
        {"filter('abc', true)", "error: builtin filter takes only array (got string) (1:8)"},
        {"filter(n, true)", "error: builtin filter takes only array (got int) (1:8)"},
        {"map([1], 1 > )", "error: unexpected token Bracket(\")\") (1:14)"},
        {"all([1,2], 1)", "error: predicate should return boolean (got int) (1:12)"},
        {"all([1,2], #)", "error: predicate should return boolean (got int) (1:12)"}, {"any(l, # == 'a')", "false"},
        {"any(l, # + 'a')", "error: invalid operation: int + string (1:10)"}, {"1..3", "[1,2,3]"}, {"3..1", "[]"}, {"1..1", "[1]"},
        {"-1..1", "[-1,0,1]"}, {"1.5..3", "error: invalid operation: .. (mismatched types float64 and int) (1:4)"},
        {"'a'..3", "error: invalid operation: .. (mismatched types string and int) (1:4)"}, {"(1..3)[1]", "2"}, {"1 in [1,2]", "true"},
        {"1 not in [1,2]", "false"}, {"not (1 in [1,2])", "false"}, {"'a' in {'a':1}", "true"}, {"'a' in ['a']", "true"},
        {"1 in {'a':1}", "error: cannot use int as type string in map key (1:3)"},
        {"'a' in 'abc'", "error: invalid operation: in (mismatched types string and string) (1:5)"},
        {"'a' in s", "error: invalid operation: in (mismatched types string and string) (1:5)"},
        {"1 in n", "error: invalid operation: in (mismatched types int and int) (1:3)"},
        {"'a' in [1,2]", "error: cannot use string as type int in array (1:5)"}, {"n in [1,2]", "false"}, {"z in [nil]", "true"},
        {"1 in z", "error: invalid operation: in (mismatched types int and unknown) (1:3)"}, {"'foo' contains 'o'", "true"},
        {"'foo' not contains 'o'", "false"}, {"'foo' startsWith 'f'", "true"}, {"'foo' endsWith 'o'", "true"},
        {"'foo' matches '^f'", "true"}, {"'foo' matches '['", "error: error parsing regexp: missing closing ]: `[` (1:7)"},
        {"'foo' not matches '^f'", "false"}, {"s matches '^h.*o$'", "true"},
        {"s contains 1", "error: invalid operation: contains (mismatched types string and int) (1:3)"},
        {"n contains 'a'", "error: invalid operation: contains (mismatched types int and string) (1:3)"},
        {"z contains 'a'", "error: invalid operation: contains (mismatched types unknown and string) (1:3)"},
        {"z matches 'a'", "error: invalid operation: matches (mismatched types unknown and string) (1:3)"}, {"'a' + 'b'", "\"ab\""},
        {"'a' + 1", "error: invalid operation: + (mismatched types string and int) (1:5)"},
        {"1 + 'a'", "error: invalid operation: + (mismatched types int and string) (1:3)"},
        {"s + 1", "error: invalid operation: + (mismatched types string and int) (1:3)"},
        {"n + s", "error: invalid operation: + (mismatched types int and string) (1:3)"}, {"s + s", "\"hellohello\""}, {"n + f", "7.5"},
        {"n * s", "error: invalid operation: * (mismatched types int and string) (1:3)"},
        {"-s", "error: invalid operation: - (mismatched type string) (1:1)"},
        {"-'a'", "error: invalid operation: - (mismatched type string) (1:1)"},
        {"!1", "error: invalid operation: ! (mismatched type int) (1:1)"},
        {"!s", "error: invalid operation: ! (mismatched type string) (1:1)"}, {"!b", "false"}, {"not b", "false"}, {"+5", "5"},
        {"+'a'", "error: invalid operation: + (mismatched type string) (1:1)"}, {"1 == 1.0", "true"},
        {"1 == '1'", "error: invalid operation: == (mismatched types int and string) (1:3)"},
        {"s == 1", "error: invalid operation: == (mismatched types string and int) (1:3)"},
        {"n == s", "error: invalid operation: == (mismatched types int and string) (1:3)"}, {"z == nil", "true"}, {"nil == nil", "true"},
        {"[1] == [1]", "true"}, {"[1] == [1.0]", "true"}, {"{'a':1} == {'a':1}", "true"}, {"m == m", "true"},
        {"true == 1", "error: invalid operation: == (mismatched types bool and int) (1:6)"}, {"'a' < 'b'", "true"},
        {"'a' < 1", "error: invalid operation: < (mismatched types string and int) (1:5)"},
        {"s < n", "error: invalid operation: < (mismatched types string and int) (1:3)"},
        {"n < s", "error: invalid operation: < (mismatched types int and string) (1:3)"}, {"1 < 2 < 3", "true"}, {"1 < 3 < 2", "false"},
        {"3 > 2 >= 2", "true"}, {"1 == 1 == true", "true"},
        {"true < false", "error: invalid operation: < (mismatched types bool and bool) (1:6)"},
        {"[1] < [2]", "error: invalid operation: < (mismatched types []interface {} and []interface {}) (1:5)"},
        {"nil < 1", "error: invalid operation: < (mismatched types unknown and int) (1:5)"},
        {"z < 1", "error: invalid operation: < (mismatched types unknown and int) (1:3)"}, {"true and false", "false"},
        {"true or false", "true"}, {"true && 1", "error: invalid operation: && (mismatched types bool and int) (1:6)"},
        {"1 || true", "error: invalid operation: || (mismatched types int and bool) (1:3)"},
        {"n && true", "error: invalid operation: && (mismatched types int and bool) (1:3)"},
        {"b && n", "error: invalid operation: && (mismatched types bool and int) (1:3)"},
        {"b || n", "error: invalid operation: || (mismatched types bool and int) (1:3)"},
        {"!b && n", "error: invalid operation: && (mismatched types bool and int) (1:4)"}, {"true ? 1 : 2", "1"}, {"false ? 1 : 2", "2"},
        {"n > 3 ? 'big' : 'small'", "\"big\""}, {"n ? 1 : 2", "error: non-bool expression (type int) used as condition (1:1)"},
        {"1 ? 2 : 3", "error: non-bool expression (type int) used as condition (1:1)"}, {"b ?: 5", "true"},
        {"z ?: 5", "error: non-bool expression (type unknown) used as condition (1:1)"}, {"true ? 1", "error: unexpected token EOF (1:8)"},
        {"if b { 1 } else { 2 }", "1"}, {"if n { 1 } else { 2 }", "error: non-bool expression (type int) used as condition (1:4)"},
        {"if b { 1 }", "error: unexpected token EOF (1:10)"}, {"let x = 2; x * 3", "6"}, {"let x = 1; let y = 2; x + y", "3"},
        {"let x = 1; let x = 2; x", "error: cannot redeclare variable x (1:16)"},
        {"let len = 1; len", "error: cannot redeclare builtin len (1:5)"}, {"let x 1; x", "error: unexpected token Number(\"1\") (1:7)"},
        {"1; 2", "2"}, {"1; 2; 3", "3"}, {"1;", "1"}, {";", "error: unexpected token Operator(\";\") (1:1)"}, {"'a' | upper()", "\"A\""},
        {"'a,b' | split(',')", "[\"a\",\"b\"]"}, {"'a' | upper", "error: unexpected token EOF (1:11)"},
        {"[1,2] | map(# * 2) | sum()", "6"}, {"1 | nope()", "error: unknown name nope (1:5)"}, {"l | sort() | first()", "1"},
        {"n | string()", "\"5\""}, {"nope", "error: unknown name nope (1:1)"}, {"nope.x", "error: unknown name nope (1:1)"},
        {"nope()", "error: unknown name nope (1:1)"}, {"nope.x()", "error: unknown name nope (1:1)"},
        {"s()", "error: string is not callable (1:1)"}, {"m.b.c", "\"x\""}, {"m.b.c.d", "error: invalid operation: int(string) (1:7)"},
        {"m.b['c']", "\"x\""}, {"m?.b?.c", "\"x\""}, {"m?.['b']?.['c']", "\"x\""},
        {"m?.[0]", "error: cannot use int to get an element from map[string]interface {} (1:5)"}, {"l?.[0]", "3"},
        {"l?.[9]", "error: index out of range: 9 (array length is 3) (1:4)"}, {"z?.[0]", "error: type unknown[int] is undefined (1:4)"},
        {"z?.a.b.c", "error: type nil has no field a (1:4)"}, {"z?.a?.b", "error: type nil has no field a (1:4)"},
        {"(z?.a).b", "error: type nil has no field a (1:5)"}, {"m.x?.y ?\? 'no'", "\"no\""}, {"(m.x ?\? m.a) + 1", "2"},
        {"m.x ?\? m.y ?\? 3", "3"}, {"1 + z ?\? 2", "3"},
        {"z ?\? 1 + 2", "error: Operator (+) and coalesce expressions (?\?) cannot be mixed. Wrap either by parentheses. (1:8)"},
        {"z ?\? (1 + 2)", "3"}, {"(z ?\? 1) + 2", "3"}, {"'a\\nb'", "\"a\\nb\""}, {"'tab\\there'", "\"tab\\there\""},
        {"\"dq \\\"x\\\"\"", "\"dq \\\"x\\\"\""}, {"'sq \\'x\\''", "\"sq 'x'\""}, {"'\\u00e9'", "\"é\""}, {"'\\u{1F600}'", "\"😀\""},
        {"'\\x41'", "\"A\""}, {"'\\101'", "\"A\""}, {"'\\q'", "error: invalid char escape (1:3)"}, {"`raw\\n`", "\"raw\\\\n\""},
        {"'unterminated", "error: literal not terminated (1:14)"}, {"\"unterminated", "error: literal not terminated (1:14)"},
        {"`unterminated", "error: literal not terminated (1:14)"}, {"'a", "error: literal not terminated (1:3)"},
        {"b'", "error: literal not terminated (1:3)"}, {"1 +", "error: unexpected token EOF (1:3)"}, {"+ 1", "1"},
        {"1 + * 2", "error: unexpected token Operator(\"*\") (1:5)"}, {"(1", "error: unexpected token EOF (1:2)"},
        {"1)", "error: unexpected token Bracket(\")\") (1:2)"}, {"[1", "error: unexpected token EOF (1:2)"},
        {"[1,", "error: unexpected token EOF (1:3)"}, {"[1,2,]", "[1,2]"}, {"{a", "error: unexpected token EOF (1:2)"},
        {"{a:", "error: unexpected token EOF (1:3)"}, {"{a:1", "error: unexpected token EOF (1:4)"}, {"{a:1,}", "{\"a\":1}"},
        {"{,}", "error: a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses (unexpected token Operator(\",\")) (1:2)"},
        {"{'a' 1}", "error: unexpected token Number(\"1\") (1:6)"}, {"f(", "error: unexpected token EOF (1:2)"},
        {"l[", "error: unexpected token EOF (1:2)"}, {"l[]", "error: unexpected token Bracket(\"]\") (1:3)"},
        {"l[1", "error: unexpected token EOF (1:3)"}, {"l[1:", "error: unexpected token EOF (1:4)"},
        {"m.", "error: unexpected end of expression (1:2)"}, {"m.1", "error: unexpected token Number(\".1\") (1:2)"},
        {"m..a", "error: unknown name a (1:4)"}, {".a", "error: unexpected token Operator(\".\") (1:1)"},
        {"#", "error: unexpected token Operator(\"#\") (1:1)"}, {"#a", "error: unexpected token Operator(\"#\") (1:1)"},
        {"1 2", "error: unexpected token Number(\"2\") (1:3)"}, {"a b", "error: unexpected token Identifier(\"b\") (1:3)"},
        {"1a", "error: bad number syntax: \"1a\" (1:2)"},
        {"0x", "error: invalid hex literal: strconv.ParseInt: parsing \"0x\": invalid syntax (1:2)"},
        {"0xZ", "error: bad number syntax: \"0xZ\" (1:3)"},
        {"1e", "error: invalid float literal: strconv.ParseFloat: parsing \"1e\": invalid syntax (1:2)"}, {"1__0", "10"},
        {"@", "error: unrecognized character: U+0040 '@' (1:1)"}, {"$", "error: unknown name $ (1:1)"}, {"$env.s", "\"hello\""},
        {"$env['s']", "\"hello\""}, {"$env?.s", "\"hello\""}, {"&", "error: unexpected token Operator(\"&\") (1:1)"},
        {"|", "error: unexpected token Operator(\"|\") (1:1)"}, {"~1", "error: unrecognized character: U+007E '~' (1:1)"},
        {"a = 1", "error: unexpected token Operator(\"=\") (1:3)"}, {"1 = 1", "error: unexpected token Operator(\"=\") (1:3)"},
        {"1 === 1", "error: unexpected token Operator(\"=\") (1:5)"}, {"1 <> 2", "error: unexpected token Operator(\">\") (1:4)"},
        {"1 !== 2", "error: unexpected token Operator(\"=\") (1:5)"}, {"/* comment */ 1", "1"}, {"1 // comment", "1"},
        {"1 # comment", "error: unexpected token Operator(\"#\") (1:3)"}, {"/* open", "error: unclosed comment (1:8)"},
        {"len(l", "error: unexpected token EOF (1:5)"}, {"upper('a', 'b')", "error: too many arguments to call upper (1:1)"},
        {"upper()", "error: not enough arguments to call upper (1:1)"}, {"sprig.add(1,2)", "3"}, {"asInt('5')", "5"},
        {"asInt('abc')", "error: invalid operation: int(abc) (1:1)"}, {"asInt(5.5)", "5"},
        {"asInt()", "error: not enough arguments to call asInt (1:1)"}, {"asInt('3.7')", "error: invalid operation: int(3.7) (1:1)"},
        {"asFloat('1.5')", "1.5"}, {"asFloat('x')", "error: invalid operation: float(x) (1:1)"}, {"asFloat(2)", "2"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$.a.b[0]')", "1"}, {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$.a.b[*]')", "[1,2]"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$.n')", "5"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$')", "{\"a\":{\"b\":[1,2]},\"n\":5}"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$.x')", "error: key: invalid token key 'x' not found (1:1)"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$.a.b[9]')", "error: index: invalid token out of range (1:1)"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$.a.b[-1]')", "2"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$.a.b[0:1]')", "[1]"}, {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$..b')", "[1,2]"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$.a.b.length')", "2"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$[\"a\"][\"b\"][0]')", "1"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$.a.*')", "[[1,2]]"},
        {"jsonpath('{\"a\":{\"b\":[1,2]},\"n\":5}', '$.*')", "[{\"b\":[1,2]},5]"},
        {"jsonpath('[{\"p\":1,\"q\":\"x\"},{\"p\":20,\"q\":\"y\"}]', '$[?(@.p > 5)].q')", "[\"y\"]"},
        {"jsonpath('[{\"p\":1,\"q\":\"x\"},{\"p\":20,\"q\":\"y\"}]', '$[?(@.p > 5)][0].q')", "\"y\""},
        {"jsonpath('[{\"p\":1,\"q\":\"x\"},{\"p\":20,\"q\":\"y\"}]', '$[?(@.q == \"x\")]')", "[{\"p\":1,\"q\":\"x\"}]"},
        {"jsonpath('[{\"p\":1,\"q\":\"x\"},{\"p\":20,\"q\":\"y\"}]', \"$[?(@.q == 'x' && @.p < 3)]\")", "[{\"p\":1,\"q\":\"x\"}]"},
        {"jsonpath('[{\"p\":1,\"q\":\"x\"},{\"p\":20}]', '$[?(@.q)]')", "[{\"p\":1,\"q\":\"x\"}]"},
        {"jsonpath('[{\"p\":1,\"q\":\"x\"},{\"p\":20}]', '$[*].q')", "[\"x\"]"},
        {"jsonpath('[{\"p\":1,\"q\":\"x\"},{\"p\":20}]', '$[0,1].p')", "[1,20]"},
        {"jsonpath('[{\"p\":1,\"q\":\"x\"},{\"p\":20}]', '$[0][\"p\",\"q\"]')", "[1,\"x\"]"},
        {"jsonpath('[{\"p\":1,\"q\":\"x\"},{\"p\":20}]', '$[(@.length-1)].p')", "20"}, {"jsonpath('[1,2,3,4,5]', '$[::2]')", "[1,3,5]"},
        {"jsonpath('[1,2,3,4,5]', '$[-2:]')", "[4,5]"}, {"jsonpath('[1,2,3,4,5]', '$[1:4]')", "[2,3,4]"},
        {"jsonpath('[1,2,3,4,5]', '$[::-1]')", "[5,4,3,2,1]"}, {"jsonpath('[1,2,3,4,5]', '$[?(@ > 2)]')", "[3,4,5]"},
        {"jsonpath('[1,2,3,4,5]', 'x')", "error: invalid JSONPath selector 'x' unexpected token 'x' at index 0 (1:1)"},
        {"jsonpath('[1,2,3,4,5]', '')", "error: invalid JSONPath selector '' unexpected token '' at index 0 (1:1)"},
        {"jsonpath('null', '$.a')", "error: key: invalid token target. expected [map] got [nil] (1:1)"},
        {"jsonpath('5', '$.a')", "error: key: invalid token target. expected [map] got [float64] (1:1)"},
        {"jsonpath('{\"a\":null}', '$.a')", "null"},
        {"jsonpath('{\"a\":null}', '$.a.b')", "error: key: invalid token target. expected [map] got [nil] (1:1)"},
        {"jsonpath(1, '$.a')", "error: cannot use int as argument (type string) to call jsonpath  (1:10)"},
        {"jsonpath('{}')", "error: not enough arguments to call jsonpath (1:1)"},
        {"toJson()", "error: not enough arguments to call toJson (1:1)"}, {"{'a': {'b': 1}}.a.b", "1"}, {"[1,2][0]", "1"},
        {"'abc'[0]", "error: type string[int] is undefined (1:6)"}, {"(1).a", "error: type int has no field a (1:5)"},
        {"1.a", "error: bad number syntax: \"1.a\" (1:3)"}, {"true.a", "error: unexpected token Operator(\".\") (1:5)"},
        {"nil.a", "error: unexpected token Operator(\".\") (1:4)"}, {"map([[1,2],[3]], {sum(#)})", "[3,3]"},
        {"map([1,2], {map([3], {# + 1})})", "[[4],[4]]"}, {"map(l, string(#)) | join('-')", "\"3-1-2\""},
        {"filter(l, {# in [1,2]})", "[1,2]"},
        {"[1] + [2]", "error: invalid operation: + (mismatched types []interface {} and []interface {}) (1:5)"},
        {"{'a':1} + {'b':2}", "error: invalid operation: + (mismatched types map[string]interface {} and map[string]interface {}) (1:9)"},
        {"date('2024-01-02') + 1", "error: invalid operation: + (mismatched types time.Time and int) (1:20)"},
        {"1 - nil", "error: invalid operation: - (mismatched types int and unknown) (1:3)"},
        {"n - z", "error: invalid operation: - (mismatched types int and unknown) (1:3)"},
        {"z + 1", "error: invalid operation: + (mismatched types unknown and int) (1:3)"},
        {"z + z", "error: invalid operation: + (mismatched types unknown and unknown) (1:3)"},
        {"m + 1", "error: invalid operation: + (mismatched types map[string]interface {} and int) (1:3)"},
        {"-9223372036854775807 - 2", "9223372036854775807"}, {"9223372036854775807 * 2", "-2"}, {"5 % -3", "2"}, {"1e308 * 10", "+Inf"},
        {"-(1e308 * 10)", "-Inf"}, {"0.1 + 0.2", "0.30000000000000004"}, {"1e15", "1000000000000000"}, {"1e16 + 0.5", "10000000000000000"},
        {"100000.0", "100000"}, {"1000000.0", "1000000"}, {"1e20", "100000000000000000000"}, {"1e21", "1e+21"}, {"1.0", "1"},
        {"3.14159265358979", "3.14159265358979"}, {"float('NaN') == float('NaN')", "false"}, {"0.1 + 0.2 == 0.3", "false"},
        {"\"a\" not in [\"b\"]", "true"}, {"'a' not startsWith 'b'", "true"}, {"not true == false", "true"}, {"!true == false", "true"},
        {"-1 + 2", "1"}, {"2 - -1", "3"}, {"2 * -3", "-6"}, {"- - 1", "1"}, {"1 + 2 * 3 ** 2", "19"}, {"8 / 4 / 2", "1"},
        {"2 - 1 - 1", "0"}, {"10 % 4 * 2", "4"}, {"1 .. 2 + 3", "[1,2,3,4,5]"}, {"1 + 1 .. 3", "[2,3]"},
        {"true or false and false", "true"}, {"not false and false", "false"}, {"1 in [1] and 2 in [2]", "true"},
        {"1 == 1 ? 'a' : 'b' ", "\"a\""}, {"true ? false ? 1 : 2 : 3", "2"}, {"true ? 1 : false ? 2 : 3", "1"},
        {"(let x = 1; x) + 1", "2"}, {"map([1,2], let y = #; y + 1)", "[2,3]"}, {"::len('a')", "1"}, {"::upper('a')", "\"A\""},
        {"fromJSON('[1,2,3]')[0] + 1", "2"}, {"fromJSON('{\"a\":1}')?.b?.c", "null"},
        {"toJSON(fromJSON('{\"b\":1,\"a\":2}'))", "\"{\\n  \\\"a\\\": 2,\\n  \\\"b\\\": 1\\n}\""},
        {"split('a b', ' ') | map(upper(#))", "[\"A\",\"B\"]"}, {"trim('xx', 'x') == ''", "true"}, {"[nil, 1] | filter(# != nil)", "[1]"},
        {"keys(m) | sort() | join(',')", "\"a,b\""}, {"len(filter(l, # > 1)) > 1", "true"}, {"s[:2] + s[-1:]", "\"heo\""},
        {"map([1], #acc)", "error: unknown pointer #acc (1:10)"},
        {"reduce([], # + #acc)", "error: reduce of empty array with no initial value (1:1)"}, {"reduce([1], # + #acc)", "1"},
        {"'a' matches '(b'", "error: error parsing regexp: missing closing ): `(b` (1:5)"},
        {"'a' matches 'b)'", "error: error parsing regexp: unexpected ): `b)` (1:5)"},
        {"'a' matches '*b'", "error: error parsing regexp: missing argument to repetition operator: `*` (1:5)"},
        {"'a' matches '[b'", "error: error parsing regexp: missing closing ]: `[b` (1:5)"},
        {"'a' matches 'x[b(c'", "error: error parsing regexp: missing closing ]: `[b(c` (1:5)"}, {"'a' matches 'a{2'", "false"},
        {"'aa' matches '^a{2}$'", "true"}, {"'a' matches '(?i)A'", "true"}, {"'a' matches '\\\\d+'", "false"},
        {"'a\\nb' matches '^b'", "false"}, {"'a\\nb' matches 'a$'", "false"}, {"'é' matches '^.$'", "true"},
        {"'é' matches '\\\\w'", "false"}, {"'a' matches ''", "true"}, {"'\\r\\n' == '\\n'", "false"}, {"`a``b`", "\"a`b\""},
        {"\"\\\"\"", "\"\\\"\""}, {"'\\\"'", "error: invalid char escape (1:3)"}, {"'\\'' ", "\"'\""},
        {"\"\\'\"", "error: invalid char escape (1:3)"}, {"'\\400'", "error: unable to unescape string (1:6)"}, {"'\\377'", "\"ÿ\""},
        {"'\\x'", "error: invalid char escape (1:4)"}, {"'\\xZ'", "error: invalid char escape (1:4)"},
        {"'\\u12'", "error: invalid char escape (1:6)"}, {"'\\u{}'", "error: invalid char escape (1:4)"},
        {"'\\u{1234567}'", "error: invalid char escape (1:10)"}, {"'\\u{41'", "error: invalid char escape (1:6)"},
        {"'\\0'", "error: invalid char escape (1:4)"}, {"'\\08'", "error: invalid char escape (1:4)"},
        {"'\\", "error: invalid char escape (1:3)"}, {"\"a\\", "error: invalid char escape (1:4)"},
        {"é + 1", "error: unknown name é (1:1)"}, {"'é' + 1", "error: invalid operation: + (mismatched types string and int) (1:5)"},
        {"é", "error: unknown name é (1:1)"}, {"日本.x", "error: unknown name 日本 (1:1)"},
        {"l.", "error: unexpected end of expression (1:2)"}, {"'a' not", "error: unexpected token EOF (1:7)"},
        {"not", "error: unexpected token EOF (1:3)"}, {"not 1 in l", "error: invalid operation: not (mismatched type int) (1:1)"},
        {"1 not 2", "error: unexpected token Number(\"2\") (1:7)"}, {"n not in l ? 1 : 2", "1"},
        {"x => x", "error: unexpected token Operator(\"=\") (1:3)"}, {"a -> b", "error: unexpected token Operator(\">\") (1:4)"},
        {"a!", "error: unexpected token Operator(\"!\") (1:2)"}, {"!", "error: unexpected token EOF (1:1)"},
        {"-", "error: unexpected token EOF (1:1)"}, {"- 'a'", "error: invalid operation: - (mismatched type string) (1:1)"},
        {"+true", "error: invalid operation: + (mismatched type bool) (1:1)"}, {"1 | 2", "error: unexpected token Number(\"2\") (1:5)"},
        {"1 | len", "error: unexpected token EOF (1:7)"}, {"1 | len()", "error: invalid argument for len (type int) (1:5)"},
        {"1 | string() | len()", "1"}, {"l | map(string(#)) | join(',') | upper()", "\"3,1,2\""}, {"l | filter(# > 1)", "[3,2]"},
        {"l |", "error: unexpected token EOF (1:3)"}, {"| l", "error: unexpected token Operator(\"|\") (1:1)"}, {"{'a':1}['a']", "1"},
        {"{'a':1}?.a", "1"}, {"[1,2,3][1:][0]", "2"}, {"(1..5)[1:3] | map(# ** 2)", "[4,9]"}, {"[1,2,3] | reverse() | first()", "3"},
        {"get(m, 'a') + 1", "2"}, {"m.b?.c ?\? 'x'", "\"x\""}, {"m.nope?.c ?\? 'x'", "\"x\""}, {"'x' + (m.nope ?\? 'y')", "\"xy\""},
        {"m.nope + 'x'", "error: invalid operation: <nil> + string (1:8)"}, {"m.nope == nil", "true"},
        {"m.nope != nil && m.nope.x > 1", "false"}, {"len(m.nope)", "error: invalid argument for len (type <nil>) (1:1)"},
        {"m.a + m.b", "error: invalid operation: int + map[string]interface {} (1:5)"},
        {"m.b + 'x'", "error: invalid operation: map[string]interface {} + string (1:5)"}, {"sum(map(lm, .v)) / len(lm)", "1.5"},
        {"any(lm, .n == 'x' && .v > 1)", "true"}, {"lm[0].n", "\"x\""}, {"lm[0]['v']", "2"}, {"lm[-1].v", "1"},
        {"lm | sortBy(.v) | map(.n)", "[\"y\",\"x\"]"}, {"lm | groupBy(.n) | keys() | sort()", "[\"x\",\"y\"]"},
        {"toJSON(lm)", "\"[\\n  {\\n    \\\"n\\\": \\\"x\\\",\\n    \\\"v\\\": 2\\n  },\\n  {\\n    \\\"n\\\": \\\"y\\\",\\n    \\\"v\\\": 1\\n  }\\n]\""},
        {"if n > 3 { 'big' } else if n > 1 { 'mid' } else { 'small' }", "\"big\""}, {"let x = if b { 1 } else { 2 }; x", "1"},
        {"sprig.add(1, 1 + 'a')", "error: invalid operation: int + string (1:16)"},
        {"sprig.add(1, 'a' startsWith 2)", "error: interface conversion: interface {} is int, not string (1:18)"},
        {"filter([1,2], #index > 0)", "error: unknown pointer #index (1:15)"},
        {"all([1,2], #index >= 0)", "error: unknown pointer #index (1:12)"}, {"reduce([1,2], #index + #acc)", "2"},
        {"find([1,2], #index > 0)", "error: unknown pointer #index (1:13)"},
        {"sortBy([1,2], #index)", "error: unknown pointer #index (1:15)"},
        {"groupBy([1,2], #index)", "error: unknown pointer #index (1:16)"},
        {"count([1,2], #index > 0)", "error: unknown pointer #index (1:14)"},
        {"sum([1,2], #index)", "error: unknown pointer #index (1:12)"},
        {"findIndex([1,2], #index > 0)", "error: unknown pointer #index (1:18)"},
        {"true < lm[0]", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < m.a", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < first(l)", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < asInt('1')", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < sprig.add(1,2)", "error: invalid operation: < (mismatched types bool and unknown) (1:6)"},
        {"true < get(m,'a')", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < max(l)", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < reduce(l, #acc)", "error: invalid operation: < (mismatched types bool and unknown) (1:6)"},
        {"true < fromJSON('1')", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < jsonpath('1','$')", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < (b ? 1 : 'a')", "error: invalid operation: < (mismatched types bool and unknown) (1:6)"},
        {"true < [1,'a'][0]", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < find(l, true)", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < l[0]", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < sum(l)", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < (m.a ?\? 1)", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < {'a':1}.a", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"true < find([1,2], true)", "error: invalid operation: < (mismatched types bool and int) (1:6)"},
        {"true < filter([1,2], true)[0]", "error: invalid operation: < (mismatched types bool and int) (1:6)"},
        {"true < map(l, #)[0]", "error: invalid operation: < (mismatched types bool and interface {}) (1:6)"},
        {"map(l, true < #)", "error: invalid operation: < (mismatched types bool and interface {}) (1:13)"},
        {"map([1], true < #)", "error: invalid operation: < (mismatched types bool and int) (1:15)"},
        {"let x = m.a; true < x", "error: invalid operation: < (mismatched types bool and interface {}) (1:19)"},
        {"sprig.rest(1)", "error: Cannot find rest on type int (1:7)"},
        {"sprig.add(sprig.empty(\"a\" == 10), {k: (ls[0] in ls), j: flatten(e)})", "1"}, {"min(sort(1..4))", "1"},
        {"(!(false) || lm[0].v < 10 < 0)", "true"}, {"flatten(l)", "[3,1,2]"}, {"min(filter(1..4, true))", "1"},
        {"sprig.max(len(l), m.a)", "3"},
        {"sprig.dict('a', {k: ('b' < m), j: {k: m, j: n > 3}})", "error: invalid operation: string < map[string]interface {} (1:26)"},
        {"sprig.add(abs(f), -3 + l[0])", "2"}, {"(false ? [] : lm)", "[{\"n\":\"x\",\"v\":2},{\"n\":\"y\",\"v\":1}]"},
        {"reverse((false ? [\"x\",\"y\"] : [1,\"a\",nil]))", "[null,\"a\",1]"},
        {"(sprig.cat(float(m), !(false)) in filter(map([1,\"a\",nil], {# == 1}), true))", "error: invalid operation: float(map[string]interface {}) (1:12)"},
        {"hasPrefix(join(e, 'b'), sprig.trunc(1, \"a,b,c\"))", "false"},
        {"join(sprig.splitList(s, \"\"), (false ? upper(s) : upper(s)))", "\"\""},
        {"sprig.dict('a', sprig.set(m?.b, sprig.quote(e, true), {}?.b))", "{\"a\":{\"\\\"[]\\\" \\\"true\\\"\":null,\"c\":\"x\"}}"},
        {"(n > 3 ? 7 : l[0])", "7"}, {"[false, [1,\"a\",nil]]", "[false,[1,\"a\",null]]"},
        {"lower(([1,\"a\",nil] | map(# ) ?\? upper(s)))", "error: interface conversion: interface {} is []interface {}, not string (1:1)"},
        {"min([1,\"a\",nil]) <= -l[0]", "error: invalid argument for min (type string) (1:1)"},
        {"sprig.has((sprig.empty(7) ? 'b'[1:] : sprig.toString({a: 1})), sprig.compact(l)[-1:])", "false"},
        {"(\"hello world\" == s)", "false"},
        {"sprig.compact(concat(map(1..4, {# == 1}), lm | map(# )))", "[true,{\"n\":\"x\",\"v\":2},{\"n\":\"y\",\"v\":1}]"},
        {"m?.b not in sprig.has(f, [1,\"a\",nil])", "error: operator \"in\" not defined on bool (1:10)"},
        {"map(filter(concat([[1,2],[3]], []), true), string(#))", "[\"[1 2]\",\"[3]\"]"},
        {"hasPrefix(string(lm), (\"\" + \"a,b,c\"))", "false"}, {"sprig.cat(0.5, m.b.c)", "\"0.5 x\""},
        {"repeat(upper(ls[0]), 0)", "\"\""}, {"map(flatten([1,2,3]), string(#))", "[\"1\",\"2\",\"3\"]"},
        {"sprig.join(upper(sprig.toString(s == \"hello\")), sprig.compact(concat([1,\"a\",nil], 1..4)))", "\"1TRUEaTRUE1TRUE2TRUE3TRUE4\""},
        {"bitand(sprig.add(string(n), m), 0 - asInt(\"4\"))", "4"},
        {"findIndex(sprig.without([], {\"x\": \"y\", \"n\": nil}), # == sort([[1,2],[3]]))", "null"},
        {"(s == \"hello\" ?\? s)[1:]", "error: cannot slice bool (1:20)"}, {"join(map([], #), replace(s, string(n), \"a,b,c\"))", "\"\""},
        {"split(s, \"a\")", "[\"hello\"]"}, {"-2", "-2"},
        {"round((lm[0].v ?\? 0.5) + min([]))", "error: invalid operation: int + <nil> (1:24)"},
        {"(\"hello world\" == 0)", "error: invalid operation: == (mismatched types string and int) (1:16)"},
        {"sort([\"x\",\"y\"] | map(# ))", "[\"x\",\"y\"]"}, {"concat(reverse([1,2,3]), sprig.compact([[1,2],[3]]))", "[3,2,1,[1,2],[3]]"},
        {"!(any(ls, s == \"hello\"))", "false"}, {"flatten(sort(1..4))", "[1,2,3,4]"},
        {"flatten([s == \"hello\", false])", "[true,false]"},
        {"sortBy([take([1,\"a\",nil], 1), {k: l, j: m.b}], string(#))", "[[1],{\"j\":{\"c\":\"x\"},\"k\":[3,1,2]}]"},
        {"sprig.dict('a', (n > 3 ? m.b.c : s)).a", "\"x\""}, {"sprig.dict('a', ls)?.b", "null"},
        {"lower(upper(\"hello world\"))", "\"hello world\""},
        {"(median(uniq([\"x\",\"y\"])) * -count([1,2,3], # != 7))", "error: invalid argument for median (type string) (1:2)"},
        {"sprig.add(string(n), \"a\")", "5"}, {"map(e, #)", "[]"},
        {"mean(filter([false, \"hello world\"], #index > 0))", "error: unknown pointer #index (1:37)"},
        {"filter(ls, #index > 0)", "error: unknown pointer #index (1:12)"},
        {"sprig.join((lm[1].n + ls[0]), sprig.rest([\"x\",\"y\"])) < toBase64(upper(m.b.c))", "false"},
        {"flatten(flatten(sprig.compact([1,\"a\",nil])))", "[1,\"a\"]"}, {"sprig.empty(\"\")", "true"},
        {"bitand(round(max(l[0], 10)), count(sprig.rest([]), # != min([1,\"a\",nil])))", "error: cannot use float64 as argument (type int) to call bitand  (1:8)"},
        {"sprig.empty([1,\"a\",nil])", "false"}, {"2 > -3", "true"}, {"join(concat(e, [\"x\",\"y\"]), toJSON(f))", "\"x2.5y\""},
        {"sprig.cat({\"x\": \"y\", \"n\": nil}, 2) == sprig.toString(upper(s))", "false"},
        {"sprig.dict('a', sprig.splitList(lower(\"a,b,c\"), (s == \"hello\" ? string(n) : s)))", "{\"a\":[\"5\"]}"},
        {"reduce(1..4, #acc + #, 10)", "20"}, {"sortBy(sprig.rest((false ? [1,\"a\",nil] : [1,2,3])), #)", "[2,3]"},
        {"count([false, [\"x\",\"y\"]], # != round(lm[0].v)) == !((s startsWith lm[0]))", "error: invalid operation: == (mismatched types int and bool) (1:48)"},
        {"sprig.dict('a', 2).a", "2"}, {"indexOf(\"a\", s)", "-1"}, {"hasPrefix(type([]), sprig.join(ls[0], lm))", "false"},
        {"sprig.dict('a', -lm[0].v)", "{\"a\":-2}"},
        {"float(take((s == \"hello\" ? 1..4 : [\"x\",\"y\"]), 2))", "error: invalid argument for float (type []interface {}) (1:1)"},
        {"sprig.dict('a', [[1,2],[3]]).a", "[[1,2],[3]]"},
        {"sprig.has(type(sprig.compact([[1,2],[3]])), sprig.rest(uniq([1,\"a\",nil])))", "false"},
        {"reduce([[1,2],[3]], #acc + #, 0.5)", "error: invalid operation: + (mismatched types unknown and []interface {}) (1:26)"},
        {"any([[1,2],[3]], false)", "false"},
        {"filter([[1,2],[3]], .v > 1)[1:]", "error: array elements can only be selected using an integer (got string) (1:22)"},
        {"sprig.dict('a', sprig.set(m, \"a,b,c\", l))", "{\"a\":{\"a\":1,\"a,b,c\":[3,1,2],\"b\":{\"c\":\"x\"}}}"},
        {"sprig.dict('a', 1 < 0)", "{\"a\":false}"}, {"(m.a ?\? -lm[0].v)", "1"},
        {"findIndex([1,2,3], # == l)", "error: invalid operation: == (mismatched types int and []interface {}) (1:22)"},
        {"sprig.max(median(sprig.splitList(\"a,b,c\", lm[1].n)), -(1 in l ? f : 7))", "error: invalid argument for median (type string) (1:11)"},
        {"(count(lm, # != -3) ** (s == \"hello\" ? m.a : 0))", "2"}, {"(1 in l and n > 3)", "true"},
        {"-indexOf((b ? \"a,b,c\" : s), type(f))", "1"},
        {"(median(split('b', lm[1].n)) + (findIndex(l, # == s == \"hello\") * median([[1,2],[3]])))", "error: invalid operation: == (mismatched types bool and string) (1:53)"},
        {"lower(\"hello world\")", "\"hello world\""}, {"[{\"x\": \"y\", \"n\": nil}, m.a]", "[{\"n\":null,\"x\":\"y\"},1]"},
        {"reverse(uniq(lm))", "[{\"n\":\"y\",\"v\":1},{\"n\":\"x\",\"v\":2}]"},
        {"(2.5 == false ?\? round(n)) - (n < lm[0].v < lm[0].v ? mean(e) : indexOf(ls[0], upper(s)))", "error: invalid operation: - (mismatched types bool and unknown) (1:28)"},
        {"float(l)", "error: invalid argument for float (type []interface {}) (1:1)"}, {"(lm[0] in e)", "false"},
        {"(toBase64(\"a\"[-1:]) < type([1,\"a\",nil] < 2))", "error: invalid operation: < (mismatched types []interface {} and int) (1:40)"},
        {"all(sprig.sortAlpha(sprig.rest(lm)), # != flatten(sort([1,2,3])))", "true"},
        {"replace(m.b.c, \"a,b,c\", \"hello world\")", "\"x\""}, {"reverse(uniq([1,2,3] | map(# )))", "[3,2,1]"},
        {"float(\"a\")", "error: invalid operation: float(a) (1:1)"},
        {"sprig.max(mean(flatten(l)), round(indexOf(\"a\", \"hello world\")))", "2"}, {"n > 3 == m.b", "false"},
        {"[\"x\",\"y\"] == m.b.c", "false"}, {"sprig.dict('a', trim(ls[0]))", "{\"a\":\"b\"}"},
        {"float(replace((1 in l ? \"a,b,c\" : string(n)), toJSON([\"x\",\"y\"]), sprig.quote(1, m.a)))", "error: invalid operation: float(a,b,c) (1:1)"},
        {"([\"x\",\"y\"] > lm[0] or (n > 3 or true))", "error: invalid operation: > (mismatched types []interface {} and interface {}) (1:12)"},
        {"filter(reverse(sprig.without([1,\"a\",nil], 'b')), true)", "[null,\"a\",1]"}, {"map(reverse(lm), .n)", "[\"y\",\"x\"]"},
        {"replace(upper(s), s, \"\")", "\"HELLO\""}, {"2 * 2.5", "5"},
        {"(reduce(l, #acc + #, 2.5) ** float(lm))", "error: invalid argument for float (type []interface {}) (1:30)"},
        {"mean(sprig.sortAlpha(map(1..4, [#])))", "error: invalid argument for mean (type string) (1:1)"}, {"max(7, 0.5)", "7"},
        {"findIndex([1,\"a\",nil], # == []) < indexOf(ls[0], m.b.c)", "error: invalid operation: <nil> < int (1:33)"},
        {"flatten(1..4)", "[1,2,3,4]"}, {"sprig.dict('a', 7 < 0.5 < -3)", "{\"a\":false}"}, {"filter([], true)", "[]"}, {"[][1:]", "[]"},
        {"flatten([1,2,3])", "[1,2,3]"}, {"findIndex(e, # == lm)", "null"}, {"sprig.empty(sprig.toString(sprig.pick({}, 'a')))", "false"},
        {"!(((b or 1 in l) in sort([1,2,3])))", "true"}, {"any([\"x\",\"y\"], 1 in l)", "true"}, {"hasPrefix(string(n), s)", "false"},
        {"[reverse(1..4), sprig.merge({\"x\": \"y\", \"n\": nil}, m.b)]", "[[4,3,2,1],{\"c\":\"x\",\"n\":null,\"x\":\"y\"}]"},
        {"sprig.join(repeat(sprig.trunc(-2, m.b.c), 3), sprig.compact(uniq([\"x\",\"y\"])))", "\"xxxxy\""}, {"ls[0][-1:]", "\"b\""},
        {"[sprig.snakecase(lm[1].n), repeat(ls[0], 3)]", "[\"y\",\"bbb\"]"}, {"sprig.compact(sprig.rest(uniq([\"x\",\"y\"])))", "[\"y\"]"},
        {"int(bitand(len(l), len(l)) + (m ?\? 0))", "error: invalid operation: int + map[string]interface {} (1:28)"},
        {"([1,\"a\",nil] in ls)", "false"}, {"sprig.max(len(l), 2.5)", "3"},
        {"sprig.add(reverse(reverse(ls)), -10 + bitand(0, 0.5))", "error: cannot use float64 as argument (type int) to call bitand (1:39)"},
        {"sprig.compact(sprig.sortAlpha(uniq([1,\"a\",nil])))", "[\"1\",\"a\"]"}, {"m.a <= -3", "false"}, {"(b in [])", "false"},
        {"hasPrefix(ls[0], string(n))", "false"}, {"(n > 3 or n > 3)", "true"}, {"int(abs(7))", "7"},
        {"hasPrefix(sprig.cat(toBase64(lm[1].n), toJson(n)), upper(sprig.join(\"a,b,c\", ls)))", "false"},
        {"hasPrefix(sprig.join(trim(\"hello world\"), 1..4[:1]), sprig.snakecase(sprig.cat(7, {})))", "error: unexpected token Bracket(\"[\") (1:47)"},
        {"int(-min(1..4))", "-1"},
        {"[uniq([])[:1], sprig.max(reduce([[1,2],[3]], #acc + #, 1), len(l) - 0.5)]", "error: invalid operation: int + []interface {} (1:51)"},
        {"(\"hello world\" endsWith b)", "error: invalid operation: endsWith (mismatched types string and bool) (1:16)"},
        {"sprig.max(m.a + n, reduce(ls, #acc + #, len(l)))", "error: invalid operation: int + string (1:36)"},
        {"filter(lm, # > 1)", "error: invalid operation: map[string]interface {} > int (1:14)"}, {"map([], string(#))", "[]"},
        {"(b ? lm[1].n : \"hello world\")", "\"y\""}, {"int(1)", "1"}, {"max(l[0], 0.5)", "3"}, {"lower(s)", "\"hello\""},
        {"join(sort(l), sprig.join(lm[1].n, [1,2,3]))", "error: interface conversion: interface {} is int, not string (1:1)"},
        {"sprig.add(lm, [1,2,3]) != min(lm)", "error: invalid argument for min (type map[string]interface {}) (1:27)"},
        {"(ls in l)", "false"}, {"(sprig.dict('a', m) ?\? sprig.trunc(3, string(n)))", "{\"a\":{\"a\":1,\"b\":{\"c\":\"x\"}}}"},
        {"indexOf(sprig.snakecase(\"a,b,c\"), \"\"[0:1])", "0"},
        {"(sprig.trunc(3, sprig.snakecase(lm[1].n)) + (upper(m.b.c) + type(f)))", "\"yXfloat\""}, {"filter(1..4, # > 1)", "[2,3,4]"},
        {"!(m.a < len(l) < 2)", "true"}, {"(b ?\? m.a)", "true"}, {"int(len([[1,2],[3]]))", "2"},
        {"sprig.max(len(m.b), count(1..4, # != 2.5))", "4"}, {"sprig.cat(1..4, \"a,b,c\")", "\"[1 2 3 4] a,b,c\""},
        {"sprig.dict('a', len(m.b))", "{\"a\":1}"}, {"sprig.max(median(e), max(2, -3))", "2"},
};

/* Where Weft differs on purpose: Go's maps with keys of any type have no JSON, its nil slices are null, its months print as names; some texts of
 * errors name Go's types. */
static const struct expr_case ours[] = {
        {"fromPairs([['a',1],['b',2]])", "{\"a\":1,\"b\":2}"}, {"groupBy([1,2,3,4], # % 2)", "{\"0\":[2,4],\"1\":[1,3]}"}, {"split('a,b', ',', 0)", "[]"},
        {"date('2024-01-02').Month()", "1"}, {"string(date('2024-01-02').Month())", "\"1\""}, {"int(1e20)", "9223372036854775807"}, {"get('abc',1)", "98"},
        {"fromJSON('x')", "error: not valid JSON: reading JSON: expected a value (strings need double quotes) (1:1)"},
        {"date('x', '2006')", "error: parsing time \"x\" as \"2006\": cannot parse it (1:1)"}, {"timezone('Europe/Berlin')", "error: unknown time zone Europe/Berlin (1:1)"},
        {"sprig.nosuch('a')", "error: unknown name sprig (1:1)"}, {"let n = 3; n", "3"}, {"'a' matches '\\\\q'", "error: error parsing regexp: unrecognized character follows \\ at 1: `\\q` (1:5)"},
        {"now()", "\"2026-01-02T03:04:05Z\""}, {"now().Unix()", "1767323045"}, {"now() - duration('24h')", "\"2026-01-01T03:04:05Z\""},
        {"now(timezone('+02:00')).Hour()", "5"}, {"now(1)", "error: invalid number of arguments (expected 0, got 1) (1:1)"}, {"date(timezone('UTC'), '2024-01-02').Day()", "2"},
};

static void test_language(void **state) { expr_check_all(language, COUNT(language)); }
static void test_where_weft_differs(void **state) { expr_check_all(ours, COUNT(ours)); }

static struct error error_of(const char *source)
{
        const struct expr *x;
        struct xvalue v;
        struct error e = {0};
        struct expr_env env = expr_test_env();
        if (expr_parse(EXPR_ARGO, str_from(source), a, &x, &e) && expr_eval(x, &env, a, &v, &e))
                fail_msg("%s: accepted", source);
        return e;
}

static void test_errors_show_the_place(void **state)
{
        struct error e = error_of("workflow.parameters.x + 1");
        assert_string_equal(e.text, "unknown name workflow (1:1)\n | workflow.parameters.x + 1\n | ^");
        e = error_of("1 +\n\t2 + 'x'");
        assert_string_equal(e.text, "invalid operation: + (mismatched types int and string) (2:4)\n |  2 + 'x'\n | ...^");
        assert_int_equal(e.line, 2);
        assert_int_equal(e.column, 4);
        e = error_of("1 == 2 ||\n\tnope.x");
        assert_string_equal(e.text, "unknown name nope (2:2)\n |  nope.x\n | .^");
        e = error_of("'h\xC3\xA9' + 1");
        assert_string_equal(e.text, "invalid operation: + (mismatched types string and int) (1:6)\n | 'h\xC3\xA9' + 1\n | .....^");
        assert_string_equal(error_of("").text, "unexpected token EOF");
}

/* --- what callers do with results --- */

static const char *substituted(const char *source)
{
        const struct expr *x;
        struct str s;
        struct error e = {0};
        struct expr_env env = expr_test_env();
        assert_true(expr_parse(EXPR_ARGO, str_from(source), a, &x, &e));
        return expr_substitute(x, &env, a, &s, &e) ? arena_cstr(a, s) : arena_cstr(a, str_from(e.text));
}

static void test_substitution(void **state)
{
        static const struct expr_case cases[] = {
                {"'a<b'", "a<b"}, {"7 / 2", "3.5"}, {"6 / 2", "3"}, {"1e21", "1e+21"}, {"1e-7", "1e-7"}, {"[1,'<',nil]", "[1,\"\\u003c\",null]"}, {"duration('90m')", "5400000000000"},
                {"date('2024-01-02')", "2024-01-02T00:00:00Z"}, {"b", "true"}, {"m", "{\"a\":1,\"b\":{\"c\":\"x\"}}"},
                {"nil", "failed to evaluate expression \"nil\""}, {"z", "failed to evaluate expression \"z\""},
                {"asInt('abc')", "failed to evaluate expression: invalid operation: int(abc) (1:1)\n | asInt('abc')\n | ^"},
        };
        for (size_t i = 0; i < COUNT(cases); i++)
                assert_string_equal(substituted(cases[i].source), cases[i].result);
}

static void test_truth(void **state)
{
        const struct expr *x;
        struct error e = {0};
        bool yes;
        struct expr_env env = expr_test_env();
        assert_true(expr_parse(EXPR_ARGO, STR("n > 3"), a, &x, &e) && expr_eval_bool(x, &env, a, &yes, &e) && yes);
        assert_true(expr_parse(EXPR_ARGO, STR("s"), a, &x, &e));
        assert_false(expr_eval_bool(x, &env, a, &yes, &e));
        assert_string_equal(e.text, "unable to cast expression result 'hello' to bool");
}

static void test_what_is_read(void **state)
{
        static const struct { const char *source, *paths; } cases[] = {
                {"a.b['c-d'][0].e", "a/b/c-d 2-"}, {"a + b.c", "a 1; b/c 2"}, {"let x = a; x + b", "a 1; b 1"}, {"map(l, # + n)", "l 1; n 1"}, {"a?.b ?? c", "a/b 1?; c 1"},
                {"a[b].c", "a 1-; b 1"}, {"upper(s) + sprig.lower(t)", "s 1; t 1"}, {"$env['x'].y", "x/y 1"}, {"1 + 2", ""},
        };
        for (size_t i = 0; i < COUNT(cases); i++) {
                const struct expr *x;
                struct error e = {0};
                struct buf b = BUF(1000);
                assert_true(expr_parse(EXPR_ARGO, str_from(cases[i].source), a, &x, &e));
                struct expr_paths paths = expr_identifiers(x);
                for (size_t k = 0; k < paths.n; k++) {
                        const struct expr_path *p = &paths.items[k];
                        for (size_t j = 0; j < p->n; j++)
                                buf_addf(&b, "%s%.*s", j ? "/" : k ? "; " : "", STR_FMT(p->parts[j]));
                        buf_addf(&b, " %zu%s%s", p->dotted_n, p->complete ? "" : "-", p->optional ? "?" : "");
                }
                assert_string_equal(b.n ? b.p : "", cases[i].paths);
                buf_free(&b);
        }
}

static bool counted(void *ctx, struct str name, struct arena *to, struct value *ret)
{
        ++*(int *)ctx;
        return expr_lookup(NULL, name, to, ret);
}

static void test_a_name_is_asked_for_once(void **state)
{
        int n = 0;
        const struct expr *x;
        struct xvalue v;
        struct error e = {0};
        struct expr_env env = {.lookup = counted, .ctx = &n};
        assert_true(expr_parse(EXPR_ARGO, STR("n + n + map(1..100, n)[0]"), a, &x, &e) && expr_eval(x, &env, a, &v, &e));
        assert_int_equal(v.integer, 15);
        assert_int_equal(n, 1);
}

/* --- limits --- */

static const char *repeated(const char *before, size_t n, const char *middle, const char *after)
{
        struct buf b = BUF(1 << 20);
        for (size_t i = 0; i < n; i++)
                buf_add_c(&b, before);
        buf_add_c(&b, middle);
        for (size_t i = 0; i < n; i++)
                buf_add_c(&b, after);
        const char *s = arena_cstr(a, buf_str(&b));
        buf_free(&b);
        return s;
}

static void test_nesting_is_bounded(void **state)
{
        static const struct { const char *before, *middle, *after; } shapes[] = {{"(", "1", ")"}, {"[", "1", "]"}, {"{a:", "1", "}"}, {"-", "1", ""}, {"!", "b", ""}, {"1 + (", "1", ")"},
                {"b ? ", "1", " : 2"}, {"len([", "1", "])"}, {"map([1], {", "1", "})"}, {"", "n", "[0]"}, {"let x = ", "1", "; 1"}, {"2 ** ", "1", ""}, {"", "m", "?.a"}, {"if b {", "1", "} else { 2 }"},
                {"", "1", " | string()"}};
        for (size_t i = 0; i < COUNT(shapes); i++) {
                const struct expr *x;
                struct error e = {0};
                struct str deep = str_from(repeated(shapes[i].before, 5000, shapes[i].middle, shapes[i].after));
                assert_false(expr_parse(EXPR_ARGO, deep, a, &x, &e));
                if (!strstr(e.text, "nested more than"))
                        fail_msg("%s…: %s", shapes[i].before, e.text);
        }
        assert_int_equal(error_of(repeated("1 ", 140000, "", "")).kind, ERROR_LIMIT); /* too long */
}

static void test_work_and_memory_are_bounded(void **state)
{
        static const char *const sources[] = {
                "map(1..1000, map(1..1000, map(1..1000, #)))", "1..100000000", "let x = repeat('a', 1000000); map(1..1000, x + x)", "repeat('abcdefghij', 1000000) | repeat(1000)",
                "reduce(1..100, #acc + #acc, 'aaaaaaaaaaaaaaaaaaaa')", "repeat('a', 30) + '!' matches '^(a+)+$'", "reduce(1..300, [#acc], 1)", "sprig.until(100000000)",
                "sprig.randAscii(1000000000)", "replace(repeat('a', 100000), '', repeat('b', 10000))", "sprig.repeat(1000000000, 'abc')", "toJSON(map(1..1000, repeat('x', 100000)))",
                "sprig.regexReplaceAll('(a*)*b', repeat('a', 10000), '')", "sprig.indent(1000000000, 'a')", "flatten(map(1..2000, 1..2000))", "jsonpath(repeat('[', 5000), '$')",
        };
        for (size_t i = 0; i < COUNT(sources); i++) {
                _cleanup_arena_ struct arena *to = arena_new();
                const struct expr *x;
                struct xvalue v;
                struct error e = {0};
                struct expr_env env = expr_test_env();
                env.bytes_max = 16 << 20;
                assert_true(expr_parse(EXPR_ARGO, str_from(sources[i]), to, &x, &e));
                struct str text;
                bool ok = expr_eval(x, &env, to, &v, &e) && expr_result_text(&v, to, &text, &e);
                if (ok)
                        assert_true(text.n < 64 << 20);
                else
                        assert_true(e.kind == ERROR_LIMIT || e.kind == ERROR_INVALID);
                assert_true(arena_used(to) < (size_t)200 << 20);
        }
}

/* --- chance and tables --- */

static void test_chance_comes_from_the_seed(void **state)
{
        const char *source = "[sprig.uuidv4(), sprig.randAlphaNum(8), sprig.randInt(0, 1000000), sprig.shuffle('abcdefgh'), sprig.randBytes(6)]";
        const struct expr *x;
        struct xvalue v[3];
        struct error e = {0};
        assert_true(expr_parse(EXPR_ARGO, str_from(source), a, &x, &e));
        for (uint64_t i = 0; i < 3; i++) {
                struct expr_env env = {.seed = i / 2};
                assert_true(expr_eval(x, &env, a, &v[i], &e));
        }
        assert_string_equal(expr_result_print(&v[0], a).p, expr_result_print(&v[1], a).p);
        for (size_t i = 0; i < v[0].list.n; i++)
                assert_string_not_equal(expr_result_print(&v[0].list.items[i], a).p, expr_result_print(&v[2].list.items[i], a).p);
        struct str uuid = v[0].list.items[0].text;
        assert_int_equal(uuid.n, 36);
        assert_int_equal(uuid.p[14], '4');
        assert_true(strchr("89ab", uuid.p[19]) != NULL);
}

static void test_tables_are_sorted(void **state)
{
        const struct { const struct func *items; size_t n; } tables[] = {{builtins_text, builtins_text_n}, {builtins_list, builtins_list_n}, {builtins_number, builtins_number_n},
                {builtins_time, builtins_time_n}, {builtins_argo, builtins_argo_n}, {builtins_as, builtins_as_n}, {sprig_text, sprig_text_n}, {sprig_list, sprig_list_n},
                {sprig_map, sprig_map_n}, {sprig_math, sprig_math_n}, {sprig_misc, sprig_misc_n}, {sprig_encode, sprig_encode_n}};
        for (size_t i = 0; i < COUNT(tables); i++)
                for (size_t k = 1; k < tables[i].n; k++)
                        assert_true(strcmp(tables[i].items[k - 1].name, tables[i].items[k].name) < 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_language, set_up, tear_down), cmocka_unit_test_setup_teardown(test_where_weft_differs, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_errors_show_the_place, set_up, tear_down), cmocka_unit_test_setup_teardown(test_substitution, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_truth, set_up, tear_down), cmocka_unit_test_setup_teardown(test_what_is_read, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_name_is_asked_for_once, set_up, tear_down), cmocka_unit_test_setup_teardown(test_nesting_is_bounded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_work_and_memory_are_bounded, set_up, tear_down), cmocka_unit_test_setup_teardown(test_chance_comes_from_the_seed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_tables_are_sorted, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

package assay.lib_test

import data.assay.lib
import data.assay.testing_test as t

test_rule_without_metadata_still_refuses if {
	v := lib.violation({}, "something is wrong")
	v.code == "RULE_WITHOUT_CODE"
	lib.decision({v}, set(), {"RULE_WITHOUT_CODE"}).allow == false
}

test_field_is_null_when_absent if {
	lib.field(["a", "b"]) == null with input as {}
	lib.field(["a", "b"]) == null with input as "text"
	lib.field(["a", "b"]) == 1 with input as {"a": {"b": 1}}
}

test_digest_has_its_algorithm_and_length if {
	lib.is_digest(t.digest("a"))
	not lib.is_digest(concat("", ["a" | some _ in numbers.range(1, 64)]))
	not lib.is_digest(7)
}

test_share_lies_between_zero_and_one if {
	lib.is_share(0)
	not lib.is_share(1.1)
	not lib.is_share("0.5")
}

test_a_tag_makes_nobody_a_second_person if {
	lib.principal("ann+review@acme.example") == "ann@acme.example"
	lib.principal("ann+a+b@acme.example") == "ann@acme.example"
	lib.principal("ann+review") == "ann"
	lib.principal("ann@acme.example") == "ann@acme.example"
	lib.principal("+@acme.example") == "+@acme.example"
}

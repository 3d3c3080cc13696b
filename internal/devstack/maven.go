package devstack

import (
	"os"
	"strings"
)

// mavenCentral is where Java archives (embedded PostgreSQL and Apache Kafka)
// come from; TENOR_MAVEN_URL names a mirror.
const mavenCentral = "https://repo1.maven.org/maven2"

func mavenBase() string {
	mirror := os.Getenv("TENOR_MAVEN_URL")
	if mirror == "" {
		return mavenCentral
	}
	return strings.TrimRight(mirror, "/")
}

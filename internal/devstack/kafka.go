package devstack

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	kafkaVersion    = "4.2.2"
	kafkaReadyWait  = 5 * time.Minute
	kafkaStopWait   = time.Minute
	kafkaAdminWait  = 10 * time.Second
	javaMajorMin    = 17
	javaVersionWait = 2 * time.Minute
)

// kafkaJars pins Apache Kafka's jars and those that they need at run time.
//
//go:embed kafka_jars.txt
var kafkaJars string

// ErrUnavailable reports that Apache Kafka cannot be run on this machine: no
// Java, or no registry to bring it from.
var ErrUnavailable = errors.New("not available here")

// KafkaOptions says how to run Apache Kafka.
type KafkaOptions struct {
	// Log receives one line for each step that takes time; nil is silence.
	Log func(line string)
}

func (o KafkaOptions) say(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}

// kafkaParts is what Apache Kafka needs to run.
type kafkaParts struct {
	java string
	jars string // directory
}

// PrepareKafka brings Apache Kafka to this machine without starting it. It
// fails with ErrUnavailable where there is no Java or no registry.
func PrepareKafka(ctx context.Context, opts KafkaOptions) error {
	_, err := prepareKafka(ctx, opts)
	return err
}

func prepareKafka(ctx context.Context, opts KafkaOptions) (kafkaParts, error) {
	java, err := findJava(ctx)
	if err != nil {
		return kafkaParts{}, err
	}
	archives, err := parseArchives(kafkaJars)
	if err != nil {
		return kafkaParts{}, fmt.Errorf("the pinned list of jars: %w", err)
	}
	base, err := reachableDir(ctx, account{}, keepDirs())
	if err != nil {
		return kafkaParts{}, err
	}
	name := "kafka-" + kafkaVersion
	err = installOnce(ctx, base, name, func(ctx context.Context, into string) error {
		opts.say("bringing Apache Kafka %s (%d jars) from the Maven registry into %s (once)",
			kafkaVersion, len(archives), filepath.Join(base, name))
		return fetchAll(ctx, mavenBase(), archives, into)
	})
	if err != nil {
		return kafkaParts{}, fmt.Errorf("bringing Apache Kafka %s: %w", kafkaVersion, err)
	}
	return kafkaParts{java: java, jars: filepath.Join(base, name)}, nil
}

// StartKafka starts one Apache Kafka node (broker and controller in one
// process) for one run, with bounded memory and its data in a directory that
// Stop removes. Topics are not made by mere use. The context bounds the start.
func StartKafka(ctx context.Context, opts KafkaOptions) (*Kafka, error) {
	parts, err := prepareKafka(ctx, opts)
	if err != nil {
		return nil, err
	}
	inst, err := newInstance(ctx, account{}, runDirs())
	if err != nil {
		return nil, err
	}
	opts.say("starting Apache Kafka %s with %s", kafkaVersion, parts.java)
	kafka, err := parts.run(ctx, inst)
	if err != nil {
		return nil, errors.Join(err, inst.release())
	}
	return kafka, nil
}

// Kafka is a running Apache Kafka node.
type Kafka struct {
	// Seeds are the addresses to give to Kafka clients.
	Seeds []string
	// Source says in words what the broker is.
	Source string

	server *process
	inst   *instance
}

// Stop ends the node and removes its data. It may be called more than once.
func (k *Kafka) Stop() error {
	var stopErr, releaseErr error
	if k.server != nil {
		stopErr = k.server.stop(signalStep{syscall.SIGTERM, kafkaStopWait})
		k.server = nil
	}
	if k.inst != nil {
		releaseErr = k.inst.release()
		k.inst = nil
	}
	return errors.Join(stopErr, releaseErr)
}

func (p kafkaParts) run(ctx context.Context, inst *instance) (*Kafka, error) {
	ports, err := FreePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	port, controllerPort := ports[0], ports[1]
	properties := inst.path("server.properties")
	err = os.WriteFile(properties, []byte(kafkaProperties(port, controllerPort, inst.path("data"))), 0o600)
	if err != nil {
		return nil, err
	}
	_, err = runTool(ctx, account{}, inst.dir, p.java,
		p.arguments("kafka.tools.StorageTool", "format", "--cluster-id", clusterID(), "--config", properties)...)
	if err != nil {
		return nil, fmt.Errorf("formatting Apache Kafka's storage: %w", err)
	}
	logPath := inst.path("kafka.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	server, err := startProcess(processSpec{
		name: "Apache Kafka", path: p.java, args: p.arguments("kafka.Kafka", properties),
		dir: inst.dir, env: childEnvironment(inst.dir), output: log, death: syscall.SIGTERM,
	})
	closeErr := log.Close()
	if err != nil {
		return nil, errors.Join(err, closeErr)
	}
	seed := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	kafka := &Kafka{Seeds: []string{seed}, Source: "Apache Kafka " + kafkaVersion + " on " + seed, server: server}
	err = server.waitReady(ctx, kafkaReadyWait, func(ctx context.Context) error { return kafkaAnswers(ctx, seed) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", err, logTail(logPath)), kafka.Stop())
	}
	kafka.inst = inst
	return kafka, nil
}

// arguments of the Java machine: bounded memory, warnings to standard error.
func (p kafkaParts) arguments(class string, args ...string) []string {
	return append([]string{
		"-Xms128m", "-Xmx512m", "-XX:MaxDirectMemorySize=128m",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-Djava.net.preferIPv4Stack=true",
		"-cp", filepath.Join(p.jars, "*"), class,
	}, args...)
}

// kafkaProperties configures one node that is broker and controller at once.
// One replica has to do, and few partitions of the internal topics start faster.
func kafkaProperties(port, controllerPort int, dataDir string) string {
	return strings.Join([]string{
		"process.roles=broker,controller",
		"node.id=1",
		fmt.Sprintf("controller.quorum.voters=1@127.0.0.1:%d", controllerPort),
		fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", port, controllerPort),
		fmt.Sprintf("advertised.listeners=PLAINTEXT://127.0.0.1:%d", port),
		"controller.listener.names=CONTROLLER",
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name=PLAINTEXT",
		"log.dirs=" + dataDir,
		"auto.create.topics.enable=false",
		"num.partitions=" + strconv.Itoa(BrokerPartitions),
		"default.replication.factor=1",
		"offsets.topic.replication.factor=1",
		"offsets.topic.num.partitions=4",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
		"transaction.state.log.num.partitions=4",
		"share.coordinator.state.topic.replication.factor=1",
		"share.coordinator.state.topic.min.isr=1",
		"group.initial.rebalance.delay.ms=0",
		"",
	}, "\n")
}

// clusterID makes an id in the form that Kafka wants: 16 bytes in URL-safe
// base64, not starting with a dash, which its tools would take for an option.
func clusterID() string {
	const idBytes = 16
	raw := make([]byte, idBytes)
	_, _ = rand.Read(raw) // never fails
	raw[0] &= 0x7f
	return base64.RawURLEncoding.EncodeToString(raw)
}

// kafkaAnswers asks the node for its members; it lists itself once it serves.
func kafkaAnswers(ctx context.Context, seed string) error {
	ctx, cancel := context.WithTimeout(ctx, kafkaAdminWait)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(seed))
	if err != nil {
		return err
	}
	defer client.Close()
	brokers, err := kadm.NewClient(client).ListBrokers(ctx)
	if err == nil && len(brokers) == 0 {
		err = errors.New("no broker is registered yet")
	}
	return err
}

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// findJava returns a Java of a sufficient version: that of JAVA_HOME, else the
// PATH's.
func findJava(ctx context.Context) (string, error) {
	java := filepath.Join(os.Getenv("JAVA_HOME"), "bin", "java")
	if os.Getenv("JAVA_HOME") == "" {
		var err error
		java, err = exec.LookPath("java")
		if err != nil {
			return "", fmt.Errorf("%w: no Java on the PATH", ErrUnavailable)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, javaVersionWait)
	defer cancel()
	out, err := runTool(ctx, account{}, os.TempDir(), java, "-version")
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	match := javaVersion.FindStringSubmatch(out)
	if match == nil {
		return "", fmt.Errorf("%w: %s does not tell its version", ErrUnavailable, java)
	}
	major, err := strconv.Atoi(match[1])
	if err != nil || major < javaMajorMin {
		return "", fmt.Errorf("%w: %s is Java %s, want %d or later", ErrUnavailable, java, match[1], javaMajorMin)
	}
	return java, nil
}
